"""``GET /artifacts/{id}``: the content of a file that a run has put out, whole or a range of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BufferedIOBase
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from http_api.login import session_of
from providers.blobs.errors import BlobMissing
from providers.blobs.store import BlobKey, Blobs
from providers.errors import ProviderUnavailable
from services.actor import Actor, Scope
from services.errors import Forbidden
from services.platform.issuer import InvalidToken
from storage.access import Cause
from storage.engine import Database
from storage.ids import parse_id
from storage.tables.pipelines import BuildArtifactRow
from storage.unit_of_work import UnitOfWork

_BLOCK: Final = 262_144
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class ArtifactServer:
    """What a token does not see is absent; the content never changes, so that its digest is the entity tag."""

    def __init__(self, database: Database, blobs: Blobs, authenticate: Callable[[str], Awaitable[Actor]]) -> None:
        self._database = database
        self._blobs = blobs
        self._authenticate = authenticate

    def routes(self) -> list[Route]:
        """What ``main`` mounts; HEAD comes with GET."""
        return [Route("/artifacts/{id}", self.read, methods=["GET"])]

    async def read(self, request: Request) -> Response:
        """200, 206, 304; 401, 403, 404, 416 and 503 as JSON."""
        try:
            actor = await self._actor(request)
            row = await self._row(actor, request.path_params["id"])
            if row is None:
                return _refused("there is no such artifact in your sight", 404, "NOT_FOUND")
            return self._answer(request, row)
        except InvalidToken as error:
            return _refused(str(error), 401, "UNAUTHENTICATED", {"WWW-Authenticate": "Bearer"})
        except Forbidden as error:
            return _refused(error.message, 403, error.code)
        except BlobMissing:
            return _refused("its content is not kept any more", 404, "NOT_FOUND")
        except ProviderUnavailable as error:
            return _refused(f"{error}: try again later", 503, "PROVIDER_UNAVAILABLE", {"Retry-After": "5"})

    async def _actor(self, request: Request) -> Actor:
        given = request.headers.get("authorization")
        if given is None:
            token = session_of(request.scope, dict(request.scope["headers"])) or ""
        else:
            scheme, _, value = given.partition(" ")
            token = value.strip() if scheme.lower() == "bearer" else ""
        actor = await self._authenticate(token)
        actor.require(Scope.READ)
        return actor

    async def _row(self, actor: Actor, text: str) -> BuildArtifactRow | None:
        try:
            kind, row_id = parse_id(text)
        except ValueError:
            return None
        if kind != "BuildArtifact":
            return None
        async with self._database.reading(actor.access) as session:
            return await UnitOfWork(session, actor.access, _cause(actor)).rows.get(BuildArtifactRow, row_id)

    def _answer(self, request: Request, row: BuildArtifactRow) -> Response:
        name = row.path.rpartition("/")[2]
        headers = {
            "ETag": f'"{row.digest}"',
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        asked = request.headers.get("range")
        span = None if asked is None else _span(asked, row.size)
        if asked is not None and span is None:
            more = {"Content-Range": f"bytes */{row.size}"}
            return _refused(f"the range is not within its {row.size} bytes", 416, "BAD_REQUEST", more)
        start, end = span or (0, row.size)
        headers["Content-Length"] = str(end - start)
        if span is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{row.size}"
        key = BlobKey(tenant_id=row.tenant_id, digest=row.digest)
        file = self._blobs.open(key, start=start, end=end)
        status = 200 if span is None else 206
        return StreamingResponse(_blocks(file), status, headers, media_type="application/octet-stream")


async def _blocks(file: BufferedIOBase) -> AsyncIterator[bytes]:
    try:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
    finally:
        file.close()


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """The one range of a header, half open; None when it cannot be answered."""
    match = _RANGE.fullmatch(asked.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(size - int(match[2]), 0), size
    else:
        start, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
    return (start, end) if start < end else None


def _refused(message: str, status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    told = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return JSONResponse(told, status, {"Cache-Control": "no-store", **(headers or {})})


def _cause(actor: Actor) -> Cause:
    """Nothing is written."""
    name = f"req-{uuid4().hex}"
    return Cause(
        actor_id=actor.identity_id,
        on_behalf_of=actor.on_behalf_of,
        trace_id=uuid4().hex,
        correlation_id=name,
        causation_id=name,
    )
