"""Blobs on their way into the registry: at once, in chunks that may be resumed, or mounted from a neighbour."""

import re
from collections.abc import AsyncIterator, Awaitable
from typing import Final
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from http_api.bodies import patient
from http_api.registry_desk import Asked, RegistryDesk
from providers.blobs.errors import BlobMismatch
from providers.blobs.store import Blob, BlobKey, Blobs, checked
from providers.images.errors import NameInvalid, RegistryFull, RepositoryUnknown, UploadUnknown
from providers.images.uploads import Opened, UploadFolder, UploadKey
from providers.images.values import ImageRepository
from services.actor import Scope
from services.errors import Forbidden
from storage.unit_of_work import UnitOfWork

_RANGE: Final = re.compile(r"(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:/\S+)?")


class UploadViews:
    """An address tells no offset: an old one is as good as the newest."""

    def __init__(self, desk: RegistryDesk, blobs: Blobs, uploads: UploadFolder) -> None:
        self._desk = desk
        self._blobs = blobs
        self._uploads = uploads

    async def begin(self, request: Request) -> Response:
        """POST: 201 for what is mounted, or comes whole with its digest; else 202 and the address of an upload."""
        asked = await self._desk.asked(request, Scope.PACKAGES_PUBLISH)
        mount, digest = request.query_params.get("mount"), request.query_params.get("digest")
        if mount is not None and await self._mounted(request, asked, checked(mount)):
            return _created(asked, mount)
        if digest is not None and mount is None:
            content = self._body(request, await self._room(asked))
            await self._keep(asked, digest, self._blobs.put(asked.actor.tenant_id, content, expected=checked(digest)))
            return _created(asked, digest)
        async with self._desk.whole(asked) as uow:
            await self._desk.registry.check_open(uow)
        upload_id = await self._desk.write(
            asked, lambda uow: self._desk.registry.begin(uow, asked.actor, asked.repository)
        )
        await self._uploads.begin(UploadKey(tenant_id=asked.actor.tenant_id, upload_id=upload_id))
        return _accepted(asked, upload_id, 0)

    async def stand(self, request: Request) -> Response:
        """GET: 204 and how much has come."""
        asked, key = await self._asked(request)
        return _accepted(asked, key.upload_id, await self._uploads.size(key), status=204)

    async def append(self, request: Request) -> Response:
        """PATCH: 202; 416 for a chunk that does not begin where the last one ended."""
        asked, key = await self._asked(request)
        room = await self._room(asked)
        async with self._uploads.opened(key) as opened:
            await self._take(request, asked, key, opened, room)
            return _accepted(asked, key.upload_id, opened.size)

    async def end(self, request: Request) -> Response:
        """PUT: 201 once the whole is what its digest says; 400 when not, and the upload is gone."""
        asked, key = await self._asked(request)
        digest = checked(request.query_params.get("digest", ""))
        room = await self._room(asked)
        async with self._uploads.opened(key) as opened:
            if opened.size:
                await self._take(request, asked, key, opened, room)
                stored = self._blobs.adopt(BlobKey(tenant_id=key.tenant_id, digest=digest), opened.path)
            else:
                _check_place(request, asked, key, 0)
                stored = self._blobs.put(key.tenant_id, self._body(request, room), expected=digest)
            try:
                await self._keep(asked, digest, stored, ending=key.upload_id)
            except BlobMismatch:
                await self._desk.write(asked, lambda uow: self._desk.registry.cancel(uow, key.upload_id))
                await self._uploads.remove(key)
                raise
            await self._uploads.remove(key)
        return _created(asked, digest)

    async def cancel(self, request: Request) -> Response:
        """DELETE: 204."""
        asked, key = await self._asked(request)
        await self._desk.write(asked, lambda uow: self._desk.registry.cancel(uow, key.upload_id))
        await self._uploads.remove(key)
        return Response(status_code=204)

    async def _asked(self, request: Request) -> tuple[Asked, UploadKey]:
        asked = await self._desk.asked(request, Scope.PACKAGES_PUBLISH)
        try:
            upload_id = UUID(request.path_params["upload"])
        except ValueError as error:
            raise UploadUnknown from error
        async with self._desk.reading(asked) as uow:
            await self._desk.registry.check_upload(uow, asked.repository, upload_id)
        return asked, UploadKey(tenant_id=asked.actor.tenant_id, upload_id=upload_id)

    async def _room(self, asked: Asked) -> int:
        async with self._desk.whole(asked) as uow:
            return await self._desk.registry.room(uow)

    async def _mounted(self, request: Request, asked: Asked, digest: str) -> bool:
        named = request.query_params.get("from")
        source: ImageRepository | None = None
        if named is not None:
            try:
                async with self._desk.reading(asked) as uow:
                    source = await self._desk.registry.repository(uow, asked.actor, named, Scope.READ)
            except (RepositoryUnknown, NameInvalid, Forbidden):
                return False
        return await self._desk.write(
            asked, lambda uow: self._desk.registry.mount(uow, asked.repository, digest, source)
        )

    async def _take(self, request: Request, asked: Asked, key: UploadKey, opened: Opened, room: int) -> None:
        """What comes, to where the upload stands; what had come when the client went stays for it to go on."""
        start = opened.size
        end = _check_place(request, asked, key, start)
        try:
            await opened.append(self._body(request, room))
            if end is not None and opened.size != end:
                came = opened.size - start
                await opened.cut(start)
                raise HTTPException(400, f"{came:,} bytes came, and Content-Range tells of {end - start:,}")
        finally:
            await self._desk.write(asked, lambda uow: uow.registry.note(key.upload_id, opened.size))

    async def _keep(self, asked: Asked, digest: str, stored: Awaitable[Blob], *, ending: UUID | None = None) -> None:
        """On the disk first, then in the repository; between the two it is nobody's, and a sweep takes it."""
        blob = await stored

        async def kept(uow: UnitOfWork) -> None:
            if ending is not None:
                await self._desk.registry.cancel(uow, ending)
            await self._desk.registry.keep_blob(uow, asked.repository, digest, blob.size)

        await self._desk.write(asked, kept)

    async def _body(self, request: Request, room: int) -> AsyncIterator[bytes]:
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise HTTPException(415, f"Content-Encoding {encoding[:40]!r} is not taken: send the content as it is")
        length = request.headers.get("content-length", "0")
        size = int(length) if length.isdigit() else 0
        if size > room:
            raise RegistryFull(self._desk.registry.most_bytes)
        came = 0
        async for chunk in patient(request):
            came += len(chunk)
            if came > room:
                raise RegistryFull(self._desk.registry.most_bytes)
            yield chunk


def _check_place(request: Request, asked: Asked, key: UploadKey, stands: int) -> int | None:
    """Where the chunk ends, when it says so; 416 unless it begins where the upload stands."""
    given = request.headers.get("content-range")
    if given is None:
        return None
    found = _RANGE.fullmatch(given.strip())
    if found is None:
        raise HTTPException(400, f"Content-Range {given[:80]!r} is not START-END, both included")
    start, end = int(found[1]), int(found[2]) + 1
    if start != stands or end <= start:
        message = f"{stands:,} bytes have come: the next chunk begins at {stands}, not at {start}"
        raise HTTPException(416, message, headers=_stands(asked, key.upload_id, stands))
    return end


def _stands(asked: Asked, upload_id: UUID, size: int) -> dict[str, str]:
    return {
        "Location": f"{asked.address}/blobs/uploads/{upload_id}",
        "Range": f"0-{max(size - 1, 0)}",
        "Docker-Upload-UUID": str(upload_id),
    }


def _accepted(asked: Asked, upload_id: UUID, size: int, *, status: int = 202) -> Response:
    return Response(status_code=status, headers=_stands(asked, upload_id, size))


def _created(asked: Asked, digest: str) -> Response:
    headers = {"Location": f"{asked.address}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Response(status_code=201, headers=headers)
