"""``POST /uploads``: content of any type, streamed into the blob store, answered by its sha256, kept a day."""

import base64
import binascii
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from http_api.bodies import PATIENCE_SECONDS, patient, too_large
from http_api.login import session_of
from providers.blobs.errors import BlobMismatch
from providers.blobs.store import Blob, Blobs
from providers.errors import ProviderUnavailable
from services.actor import Actor
from services.errors import Forbidden, InvalidInput, NotFound, QuotaExceeded, SlipwayError
from services.failpoints import Failpoints
from services.platform.issuer import InvalidToken
from services.platform.uploads import UploadService, full
from storage.access import Access, Cause
from storage.engine import Database
from storage.unit_of_work import UnitOfWork, unit_of_work

AT_ONCE: Final = 16
SLOWEST: Final = 16_384  # bytes a second, beyond the first minute
_HEX: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
_MEMBER: Final = re.compile(r"\s*sha-256=:?([A-Za-z0-9+/]+=*):?\s*", re.IGNORECASE)
_CODES: Final = {408: "TIMED_OUT", 413: "LIMIT_EXCEEDED", 415: "UNSUPPORTED_MEDIA_TYPE", 429: "QUOTA_EXCEEDED"}
_STATUS: Final[Mapping[type[SlipwayError], int]] = {
    Forbidden: 403,
    NotFound: 404,
    InvalidInput: 400,
    QuotaExceeded: 429,
}


class UploadServer:
    """Refusals are JSON with ``errors`` as GraphQL tells them; after any of them nothing is kept."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        uploads: UploadService,
        authenticate: Callable[[str], Awaitable[Actor]],
        failpoints: Failpoints,
        *,
        most_bytes: int,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._uploads = uploads
        self._authenticate = authenticate
        self._failpoints = failpoints
        self._most_bytes = most_bytes
        self._receiving: Counter[UUID] = Counter()

    def routes(self) -> list[Route]:
        """What ``main`` mounts."""
        return [Route("/uploads", self.upload, methods=["POST"])]

    async def upload(self, request: Request) -> Response:
        """201 with digest, size and expiresAt, once the content is on the disk and noted."""
        try:
            blob, expires_at = await self._take(request)
        except HTTPException as error:
            return _refused(error.detail, error.status_code, _CODES.get(error.status_code, "BAD_REQUEST"))
        except InvalidToken as error:
            return _refused(str(error), 401, "UNAUTHENTICATED", headers={"WWW-Authenticate": "Bearer"})
        except SlipwayError as error:
            return _refused(error.message, _STATUS.get(type(error), 400), error.code, error.field, error.help)
        except ProviderUnavailable as error:
            return _refused(f"{error}: try again later", 503, "PROVIDER_UNAVAILABLE")
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody
        told = {"digest": blob.key.digest, "size": blob.size, "expiresAt": f"{expires_at:%Y-%m-%dT%H:%M:%S.%fZ}"}
        return JSONResponse(told, status_code=201, headers={"Cache-Control": "no-store"})

    async def _take(self, request: Request) -> tuple[Blob, datetime]:
        actor = await self._actor(request)
        expected = _expected(request)
        cause = _cause(actor, request)
        async with self._database.reading(actor.access) as session:
            uow = UnitOfWork(session, actor.access, cause)
            project_id = await self._uploads.authorise(uow, actor, request.query_params.get("project"))
        room = await self._room(actor, cause)
        with _Slot(self._receiving, actor.tenant_id):
            blob = await self._put(actor, self._body(request, room), expected)
        self._failpoints.reach("commit:before")
        async with unit_of_work(self._database, actor.access, cause) as uow:
            expires_at = await self._uploads.keep(uow, actor, project_id, blob)
            await uow.commit()
        self._failpoints.reach("commit:after")
        return blob, expires_at

    async def _actor(self, request: Request) -> Actor:
        """A bearer token goes before a cookie, which only our own page may send."""
        given = request.headers.get("authorization")
        if given is None:
            token = session_of(request.scope, dict(request.scope["headers"])) or ""
        else:
            scheme, _, value = given.partition(" ")
            token = value.strip() if scheme.lower() == "bearer" else ""
        actor = await self._authenticate(token)
        told = request.scope.get("state", {}).get("told")
        if told is not None:
            told |= {"identity": f"idn-{actor.identity_id.hex}", "tenantId": f"ten-{actor.tenant_id.hex}"}
        return actor

    async def _room(self, actor: Actor, cause: Cause) -> int:
        """Of the whole tenant, whatever the token is limited to: only the number is used."""
        access = Access(tenant_id=actor.tenant_id)
        async with self._database.reading(access) as session:
            return await self._uploads.room(UnitOfWork(session, access, cause))

    async def _put(self, actor: Actor, body: AsyncIterator[bytes], expected: str | None) -> Blob:
        try:
            return await self._blobs.put(actor.tenant_id, body, expected=expected)
        except BlobMismatch as error:
            raise HTTPException(400, str(error)) from error

    async def _body(self, request: Request, room: int) -> AsyncIterator[bytes]:
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise HTTPException(415, f"Content-Encoding {encoding[:40]!r} is not taken: send the content as it is")
        length = request.headers.get("content-length", "0")
        self._check_size(int(length) if length.isdigit() else 0, room)
        size, started = 0, time.monotonic()
        async for chunk in patient(request):
            size += len(chunk)
            self._check_size(size, room)
            if time.monotonic() - started > PATIENCE_SECONDS + size / SLOWEST:
                raise HTTPException(408, f"it comes slower than {SLOWEST:,} bytes a second")
            yield chunk

    def _check_size(self, size: int, room: int) -> None:
        if size > self._most_bytes:
            raise too_large(self._most_bytes)
        if size > room:
            raise full(self._uploads.most_bytes)


class _Slot:
    """One of the uploads that a tenant may send at the same time."""

    def __init__(self, taken: Counter[UUID], tenant_id: UUID) -> None:
        self._taken, self._tenant_id = taken, tenant_id

    def __enter__(self) -> None:
        if self._taken[self._tenant_id] >= AT_ONCE:
            raise HTTPException(429, f"{AT_ONCE} uploads of your tenant are under way: wait for one to end")
        self._taken[self._tenant_id] += 1

    def __exit__(self, *_: object) -> None:
        self._taken[self._tenant_id] -= 1
        if not self._taken[self._tenant_id]:
            del self._taken[self._tenant_id]


def _expected(request: Request) -> str | None:
    """The digest that the client says the content has; 400 for one that cannot be checked."""
    told: set[str] = set()
    hexed = request.headers.get("x-content-sha256")
    if hexed is not None:
        found = _HEX.fullmatch(hexed.strip())
        if found is None:
            raise HTTPException(400, f"X-Content-Sha256 {hexed[:80]!r} is not 64 hex digits")
        told.add(found[1].lower())
    for name in ("digest", "content-digest"):
        given = request.headers.get(name)
        if given is not None:
            told.add(_member(name, given))
    if len(told) > 1:
        raise HTTPException(400, "the request says two different digests of its content")
    return f"sha256:{told.pop()}" if told else None


def _member(name: str, given: str) -> str:
    for member in given.split(","):
        found = _MEMBER.fullmatch(member)
        if found is None:
            continue
        try:
            digest = base64.b64decode(found[1], validate=True)
        except binascii.Error:
            continue
        if len(digest) == 32:
            return digest.hex()
    raise HTTPException(400, f"{name.title()} {given[:80]!r} has no sha-256: it is checked by no other algorithm")


def _refused(
    message: str,
    status: int,
    code: str,
    field: str | None = None,
    help: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The connection ends with it: what is left of the body is not read."""
    told = {name: value for name, value in (("code", code), ("field", field), ("help", help)) if value is not None}
    more = {"Retry-After": "5"} if status in {429, 503} else {}
    return JSONResponse(
        {"errors": [{"message": message, "extensions": told}]},
        status_code=status,
        headers={"Connection": "close", "Cache-Control": "no-store", **more, **(headers or {})},
    )


def _cause(actor: Actor, request: Request) -> Cause:
    name = request.scope.get("state", {}).get("correlation_id") or f"req-{uuid4().hex}"
    return Cause(
        actor_id=actor.identity_id,
        on_behalf_of=actor.on_behalf_of,
        trace_id=uuid4().hex,
        correlation_id=name,
        causation_id=name,
    )
