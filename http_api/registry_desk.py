"""What every view of the registry needs: who asks, for which repository, and units of work."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

from starlette.requests import Request

from http_api.credentials import token_of
from providers.images.values import ImageRepository
from services.actor import Actor, Scope
from services.failpoints import Failpoints
from services.packaging.registry import RegistryService
from storage.access import Access, Cause
from storage.engine import Database
from storage.ids import public_id
from storage.unit_of_work import UnitOfWork, repeated, unit_of_work

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request that passed the walls."""

    actor: Actor
    cause: Cause
    path: str
    repository: ImageRepository

    @property
    def address(self) -> str:
        """Where the repository is."""
        return f"/v2/{self.path}"


class RegistryDesk:
    """Looks at the token first, then whether it sees the repository, then what it may do there."""

    def __init__(
        self,
        database: Database,
        registry: RegistryService,
        authenticate: Callable[[str], Awaitable[Actor]],
        failpoints: Failpoints,
    ) -> None:
        self._database = database
        self.registry = registry
        self._authenticate = authenticate
        self._failpoints = failpoints

    async def actor(self, request: Request) -> Actor:
        """The token as a Basic password, or as Bearer; InvalidToken."""
        return await self._authenticate(token_of(request.headers.get("authorization", "")))

    async def asked(self, request: Request, scope: Scope) -> Asked:
        """InvalidToken, NameInvalid, RepositoryUnknown, Forbidden."""
        actor = await self.actor(request)
        cause = _cause(request, actor)
        path = request.path_params["name"]
        async with self._database.reading(actor.access) as session:
            uow = UnitOfWork(session, actor.access, cause)
            repository = await self.registry.repository(uow, actor, path, scope)
        return Asked(actor=actor, cause=cause, path=path, repository=repository)

    @asynccontextmanager
    async def reading(self, asked: Asked) -> AsyncIterator[UnitOfWork]:
        """Within what the token sees."""
        async with self._database.reading(asked.actor.access) as session:
            yield UnitOfWork(session, asked.actor.access, asked.cause)

    @asynccontextmanager
    async def whole(self, asked: Asked) -> AsyncIterator[UnitOfWork]:
        """Of the whole tenant, whatever the token is limited to: for what it may still keep."""
        access = Access(tenant_id=asked.actor.tenant_id)
        async with self._database.reading(access) as session:
            yield UnitOfWork(session, access, asked.cause)

    async def write(self, asked: Asked, change: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        """Committed; again when the database ended it in favour of another."""

        async def attempt() -> T:
            async with unit_of_work(self._database, asked.actor.access, asked.cause) as uow:
                done = await change(uow)
                self._failpoints.reach("commit:before")
                await uow.commit()
            self._failpoints.reach("commit:after")
            return done

        return await repeated(attempt)


def _cause(request: Request, actor: Actor) -> Cause:
    """Each request is a conversation and a trace of its own, the ones that its line in the log tells."""
    state = request.scope.get("state", {})
    name = state.get("correlation_id") or f"req-{uuid4().hex}"
    trace_id = uuid4().hex
    tenant, identity = public_id("Tenant", actor.tenant_id), public_id("Identity", actor.identity_id)
    state.get("told", {}).update(tenantId=tenant, identity=identity, traceId=trace_id)
    return Cause(
        actor_id=actor.identity_id,
        on_behalf_of=actor.on_behalf_of,
        trace_id=trace_id,
        correlation_id=name,
        causation_id=name,
    )
