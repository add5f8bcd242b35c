"""Blobs of the registry: whole, by range, deleted."""

import asyncio
import re
from collections.abc import AsyncIterator
from io import BufferedIOBase
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from http_api.registry_answers import refused
from http_api.registry_desk import RegistryDesk
from providers.blobs.store import BlobKey, Blobs, checked
from services.actor import Scope

BLOCK: Final = 1_048_576
STALLED_SECONDS: Final = 120.0
_RANGE: Final = re.compile(r"bytes=\s*(\d*)-(\d*)\s*")


class BlobViews:
    """A blob is found in the repository that has it, never by its digest alone."""

    def __init__(self, desk: RegistryDesk, blobs: Blobs) -> None:
        self._desk = desk
        self._blobs = blobs

    async def read(self, request: Request) -> Response:
        """GET and HEAD."""
        asked = await self._desk.asked(request, Scope.READ)
        digest = checked(request.path_params["digest"])
        async with self._desk.reading(asked) as uow:
            size = await self._desk.registry.blob_size(uow, asked.repository, digest)
        headers = {
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
            "Accept-Ranges": "bytes",
            "ETag": f'"{digest}"',
        }
        wanted = _wanted(request, size, f'"{digest}"')
        if wanted is None:
            return refused(416, "SIZE_INVALID", f"the blob has {size:,} bytes", {"Content-Range": f"bytes */{size}"})
        start, end = wanted
        headers["Content-Length"] = str(end - start)
        status = 200
        if (start, end) != (0, size) or _ranged(request, f'"{digest}"'):
            status, headers["Content-Range"] = 206, f"bytes {start}-{end - 1}/{size}"
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        key = BlobKey(tenant_id=asked.actor.tenant_id, digest=digest)
        source = await asyncio.to_thread(self._blobs.open, key, start=start, end=end)
        return _BlobStream(_blocks(source), status_code=status, headers=headers)

    async def delete(self, request: Request) -> Response:
        """202, and 404 from then on; 405 while a manifest names it."""
        asked = await self._desk.asked(request, Scope.PACKAGES_PUBLISH)
        digest = checked(request.path_params["digest"])
        await self._desk.write(asked, lambda uow: self._desk.registry.delete_blob(uow, asked.repository, digest))
        return Response(status_code=202)


class _BlobStream(StreamingResponse):
    """Lets a client go that takes nothing for two minutes."""

    async def stream_response(self, send: Send) -> None:
        """As the blocks come."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self.body_iterator:
            part = {"type": "http.response.body", "body": chunk, "more_body": True}
            await asyncio.wait_for(send(part), STALLED_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _blocks(source: BufferedIOBase) -> AsyncIterator[bytes]:
    with source:
        while block := await asyncio.to_thread(source.read, BLOCK):
            yield block


def _ranged(request: Request, tag: str) -> re.Match[str] | None:
    """One range of bytes; several, or other units, are answered with the whole, as for another version of it."""
    if request.headers.get("if-range", tag) != tag:
        return None
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    return found if found is not None and (found[1] or found[2]) else None


def _wanted(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """From where up to where, the whole when no range is asked for; None for a range that is not within it."""
    found = _ranged(request, tag)
    if found is None:
        return 0, size
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
    else:
        start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    return (start, end) if start < end else None
