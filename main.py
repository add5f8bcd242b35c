"""The composition root: one process of an installation, put together from ``assembly``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from assembly.providers import build_providers
from assembly.services import build_services
from assembly.workers import WorkerProcess
from http_api.artifacts import ArtifactServer
from http_api.explorer_page import explorer_page, explorer_routes
from http_api.front import Front
from http_api.git import GitServer
from http_api.git_pushes import PushDesk
from http_api.health import health_routes
from http_api.login import LoginLinks, login_routes, session_of
from http_api.pypi import PypiServer
from http_api.pypi_desk import PypiDesk
from http_api.pypi_uploads import PypiUploads
from http_api.request_log import RequestLog
from http_api.uploads import UploadServer
from resolvers.callers import Callers
from resolvers.context import Context
from resolvers.event_streams import EventStreams
from resolvers.feeds import Feeds
from resolvers.operations import Operations
from resolvers.server import GraphqlServer
from resolvers.sessions import Sessions
from resolvers.sockets import SocketServer
from services.actor import Actor
from services.failpoints import Failpoints
from services.platform.operator_sessions import LIFETIME, OperatorSessions
from services.platform.tenants import OPERATOR, OPERATOR_ADMIN, CreateTenant
from services.platform.uploads import UploadService
from services.platform.verified_tokens import VerifiedTokens
from services.source_control.pushes import PushService
from settings import Settings
from storage.access import Access, Cause
from storage.engine import Database, sqlite_url
from storage.errors import Unavailable, UniqueViolation
from storage.hub import Hub
from storage.ids import new_id
from storage.migrate import upgrade
from storage.unit_of_work import UnitOfWork, unit_of_work
from workers.lock import FolderLock

DEFAULT_PORT = 7420
__all__ = ["DEFAULT_PORT", "Settings", "Slipway"]


class Slipway:
    """One process of an installation, built but not started."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.settings = settings
        self.lock = FolderLock(settings.data)
        self.database = Database(settings.database_url or sqlite_url(settings.data / "slipway.db"))
        self.hub = Hub(self.database)
        self.feeds = Feeds(Operations(settings.limits, introspection=settings.introspection))
        self.failpoints = Failpoints(settings.failpoint)
        self.providers = build_providers(
            settings.data,
            git_slots=settings.git_slots,
            run_slots=settings.run_slots,
            wheelhouse=settings.wheelhouse,
        )
        self.services = build_services(settings.data, self.database, self.providers, self.failpoints)
        self.workers = WorkerProcess(self.database, self.providers, self.services, self.failpoints)
        identities = self.services.identities
        self.tokens = VerifiedTokens(self.database, identities)
        self.sessions = Sessions(self.hub, self.tokens.actor_now)
        self.streams = EventStreams(self.feeds, self.sessions, heartbeat_seconds=settings.heartbeat_seconds)
        self.operator_sessions = OperatorSessions(self.database, identities, self.tokens)
        self.login_links = LoginLinks()
        self.draining = False

    async def start(self) -> str | None:
        """Migrates, and founds the operator tenant at the first start: then answers its admin's one-time token."""
        await asyncio.to_thread(upgrade, self.database.url)
        await self.workers.adoption.finish()
        async with self.database.reading(None) as session:
            anywhere = UnitOfWork(session, Access(tenant_id=new_id()), _boot())
            if await anywhere.platform.has_tenants():
                return None
        return await self._found_operator()

    async def _found_operator(self) -> str | None:
        tenant_id = new_id()
        command = CreateTenant(
            name=OPERATOR,
            display_name="Operator",
            admin_name=OPERATOR_ADMIN,
            admin_email="admin@operator.invalid",
        )
        try:
            async with unit_of_work(self.database, Access(tenant_id=tenant_id), _boot()) as uow:
                _, token = self.services.tenants.found(uow, command, tenant_id=tenant_id, is_operator=True)
                await uow.commit()
        except UniqueViolation:  # another process was quicker: the name is taken once in an installation
            return None
        return token

    async def work(self) -> None:
        """Starts the workers within the running loop; ``start`` must have run. FolderInUse when another works there."""
        self.lock.take()
        await self.workers.start()

    def drain(self) -> None:
        """Says that it is going: not ready any more, and event streams end so that their clients go elsewhere."""
        self.draining = True
        self.streams.close()

    async def stop(self) -> None:
        """Stops the workers, leaving what is under way to the next start, and closes the database."""
        await self.services.moving.idle()
        await self.workers.stop()
        await self.database.close()
        self.lock.release()

    async def authenticate(self, token: str) -> Actor:
        """The caller of a token; InvalidToken when it is not alive."""
        return await self.tokens.actor(token)

    async def ready(self) -> str | None:
        """Why requests cannot be served, or None."""
        if self.draining:
            return "shutting down"
        try:
            async with self.database.reading(None) as session:
                uow = UnitOfWork(session, Access(tenant_id=new_id()), _boot())
                return None if await uow.platform.has_tenants() else "no operator tenant"
        except Unavailable as error:
            return str(error)

    def context(self, connection: HTTPConnection) -> Context:
        """What the resolvers of one request, or one socket, are given."""
        base_url = self.settings.base_url or _address(connection)
        context = Context(self.services, self.database, self.hub, self.settings.limits, self.failpoints, base_url)
        context.correlation_id = connection.scope.get("state", {}).get("correlation_id", context.correlation_id)
        return context

    def _git(self) -> GitServer:
        transport = self.providers.transport
        pushes = PushService(self.providers.git, transport)
        return GitServer(
            self.database,
            transport,
            PushDesk(self.database, transport, pushes, self.services.moving),
            self.authenticate,
            spool=self.settings.data / "spool",
            push_bytes=self.settings.push_bytes,
        )

    def _uploads(self) -> UploadServer:
        limits = self.settings.limits
        return UploadServer(
            self.database,
            self.providers.blobs,
            UploadService(most_bytes=limits.uploads_bytes),
            self.authenticate,
            self.failpoints,
            most_bytes=limits.upload_bytes,
        )

    def _pypi(self) -> PypiServer:
        desk, blobs = PypiDesk(self.database, self.services.packages, self.authenticate), self.providers.blobs
        most = self.settings.limits.upload_bytes
        return PypiServer(desk, blobs, PypiUploads(desk, blobs, self.failpoints, most_bytes=most))

    def app(self) -> ASGIApp:
        """The ASGI app; ``start`` must have run."""
        heartbeat = self.settings.heartbeat_seconds
        graphql = GraphqlServer(
            self.feeds.operations,
            Callers(self.authenticate, session_of),
            self.context,
            sockets=SocketServer(self.feeds, self.sessions, self.context, heartbeat_seconds=heartbeat),
            streams=self.streams,
            page=explorer_page if self.settings.explorer else None,
        )

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            await self.work()
            try:
                yield
            finally:
                await self.stop()

        sessions, seconds = self.operator_sessions, int(LIFETIME.total_seconds())
        routes: list[BaseRoute] = [
            *health_routes(self.ready),
            *self._git().routes(),
            *self._uploads().routes(),
            *self._pypi().routes(),
            *ArtifactServer(self.database, self.providers.blobs, self.authenticate).routes(),
            *login_routes(self.login_links, sessions.begin, sessions.end, lifetime=seconds),
            *(explorer_routes() if self.settings.explorer else ()),
        ]
        return RequestLog(
            Front({"/graphql": graphql}, Starlette(routes=routes, lifespan=lifespan), self.settings.origins)
        )


def _address(connection: HTTPConnection) -> str:
    """Where the client found us, by the request's scheme and Host."""
    scheme = connection.url.scheme.replace("ws", "http", 1)
    return f"{scheme}://{connection.url.netloc}"


def _boot() -> Cause:
    return Cause(actor_id=None, on_behalf_of=None, trace_id=new_id().hex, correlation_id="boot", causation_id="boot")
