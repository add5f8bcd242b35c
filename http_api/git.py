"""Git smart HTTP at ``/git/<tenant>/<project>/<name>.git``: any token that sees a repository fetches, writers push."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from http_api.bodies import received
from http_api.credentials import token_of
from http_api.git_pushes import PushDesk
from providers.errors import ProviderError, ProviderUnavailable
from providers.git.errors import RequestMalformed
from providers.git.packets import read_push
from providers.git.transport import GitService, GitTransport
from services.actor import Actor
from services.errors import Forbidden, NotFound, SlipwayError
from services.platform.issuer import InvalidToken
from services.source_control.git import key_of
from services.source_control.moving import Caller
from services.source_control.serving import served
from storage.access import Cause
from storage.engine import Database
from storage.ids import public_id
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork

STALLED_SECONDS: Final = 120.0
FETCH_BYTES: Final = 64 * 1024 * 1024
_PATH = "/git/{tenant}/{project}/{name}.git"
_PROTOCOL = re.compile(r"[a-z0-9=:._-]{0,200}")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="slipway", charset="UTF-8"'}
Authenticate = Callable[[str], Awaitable[Actor]]


class GitServer:
    """Three addresses a repository; whatever is refused is told in plain text, which Git shows to its user."""

    def __init__(
        self,
        database: Database,
        transport: GitTransport,
        pushes: PushDesk,
        authenticate: Authenticate,
        *,
        spool: Path,
        push_bytes: int,
    ) -> None:
        self._database = database
        self._transport = transport
        self._pushes = pushes
        self._authenticate = authenticate
        self._spool = spool
        self._push_bytes = push_bytes

    def routes(self) -> list[Route]:
        """What ``main`` mounts."""
        return [
            Route(_PATH + "/info/refs", _told(self.info_refs), methods=["GET"]),
            Route(_PATH + "/git-upload-pack", _told(self.upload_pack), methods=["POST"]),
            Route(_PATH + "/git-receive-pack", _told(self.receive_pack), methods=["POST"]),
        ]

    async def info_refs(self, request: Request) -> Response:
        """The first request of every clone, fetch and push."""
        caller = await self._caller(request)
        try:
            service = GitService(request.query_params.get("service", ""))
        except ValueError:
            raise HTTPException(403, "only smart HTTP is served: use git 1.6.6 or newer") from None
        repository = await self._repository(request, caller, service)
        chunks = self._transport.advertise(key_of(repository), service, protocol=_protocol(request))
        return await _streamed(chunks, f"application/x-{service}-advertisement")

    async def upload_pack(self, request: Request) -> Response:
        """A clone's or fetch's negotiation and pack."""
        caller = await self._caller(request)
        repository = await self._repository(request, caller, GitService.FETCH)
        _check_type(request, GitService.FETCH)
        async with received(request, self._spool, most=FETCH_BYTES) as body:
            chunks = self._transport.fetch(key_of(repository), body, protocol=_protocol(request))
            return await _streamed(chunks, f"application/x-{GitService.FETCH}-result")

    async def receive_pack(self, request: Request) -> Response:
        """A push, received whole first, so that a slow client holds no turn."""
        caller = await self._caller(request)
        repository = await self._repository(request, caller, GitService.PUSH)
        _check_type(request, GitService.PUSH)
        async with received(request, self._spool, most=self._push_bytes) as body:
            push = await asyncio.to_thread(read_push, body)
            answer = await self._pushes.take(caller, repository, push, body) if push.updates else b""
        return Response(answer, media_type=f"application/x-{GitService.PUSH}-result", headers=_FRESH)

    async def _caller(self, request: Request) -> Caller:
        try:
            actor = await self._authenticate(token_of(request.headers.get("authorization", "")))
        except InvalidToken as error:
            raise HTTPException(401, str(error), headers=_CHALLENGE) from error
        return _caller(request, actor)

    async def _repository(self, request: Request, caller: Caller, service: GitService) -> RepositoryRow:
        told, actor = request.path_params, caller.actor
        path = (told["tenant"], told["project"], told["name"])
        async with self._database.reading(actor.access) as session:
            uow = UnitOfWork(session, actor.access, caller.cause)
            return await served(uow, actor, path, writing=service is GitService.PUSH)


_FRESH: Final = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}


class GitStream(StreamingResponse):
    """Ends Git's process when the client goes away, or takes nothing for two minutes."""

    async def stream_response(self, send: Send) -> None:
        """As the chunks come."""
        head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(head)
        async for chunk in self.body_iterator:
            part = {"type": "http.response.body", "body": chunk, "more_body": True}
            await asyncio.wait_for(send(part), STALLED_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _streamed(chunks: AsyncIterator[bytes], media: str) -> Response:
    """Answers only once Git has begun to, so that a failure still has a status of its own."""
    first = await anext(chunks, b"")

    async def whole() -> AsyncIterator[bytes]:
        try:
            yield first
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]  # the port's iterators are generators

    return GitStream(whole(), media_type=media, headers=_FRESH)


def _told(view: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def told(request: Request) -> Response:
        try:
            return await view(request)
        except HTTPException as error:
            return PlainTextResponse(error.detail + "\n", error.status_code, headers=error.headers)
        except SlipwayError as error:
            status = 404 if isinstance(error, NotFound) else 403
            return PlainTextResponse(_words(error) + "\n", status)
        except RequestMalformed as error:
            return PlainTextResponse(f"{error}\n", 400)
        except ProviderUnavailable as error:
            return PlainTextResponse(f"{error}: try again later\n", 503, headers={"Retry-After": "5"})
        except ProviderError as error:
            return PlainTextResponse(f"{error}\n", 500)

    return told


def _caller(request: Request, actor: Actor) -> Caller:
    """Each request is a conversation and a trace of its own, the ones that its line in the log tells."""
    state = request.scope.get("state", {})
    name = state.get("correlation_id") or f"req-{uuid4().hex}"
    trace_id = uuid4().hex
    tenant, identity = public_id("Tenant", actor.tenant_id), public_id("Identity", actor.identity_id)
    state.get("told", {}).update(tenantId=tenant, identity=identity, traceId=trace_id)
    return Caller(
        actor=actor,
        cause=Cause(
            actor_id=actor.identity_id,
            on_behalf_of=actor.on_behalf_of,
            trace_id=trace_id,
            correlation_id=name,
            causation_id=name,
        ),
    )


def _words(error: SlipwayError) -> str:
    return f"{error.message}: {error.help}" if isinstance(error, Forbidden) and error.help else error.message


def _check_type(request: Request, service: GitService) -> None:
    wanted = f"application/x-{service}-request"
    if request.headers.get("content-type", "").partition(";")[0].strip() != wanted:
        raise HTTPException(415, f"the Content-Type must be {wanted}")


def _protocol(request: Request) -> str:
    given = request.headers.get("git-protocol", "")
    return given if _PROTOCOL.fullmatch(given) else ""
