"""A project's Python packages at ``/pypi/<tenant>/<project>/``: ``simple/`` to install, ``legacy/`` to upload."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from io import BufferedIOBase
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from http_api import pypi_index
from http_api.pypi_desk import PypiDesk, Visit, told
from http_api.pypi_uploads import PypiUploads
from providers.blobs.store import BlobKey, Blobs
from services.errors import absent
from storage.tables.packages import PackageFileRow
from storage.unit_of_work import UnitOfWork

_PATH = "/pypi/{tenant}/{project}"
_BLOCK: Final = 1_048_576
_STALLED_SECONDS: Final = 120.0
_METADATA: Final = ".metadata"
_FRESH: Final = {"Cache-Control": "private, max-age=0, must-revalidate", "Vary": "Accept"}
_FOR_EVER: Final = {"Cache-Control": "private, max-age=31536000, immutable"}


class PypiServer:
    """Whoever reads a project installs from it; what is not published is not there."""

    def __init__(self, desk: PypiDesk, blobs: Blobs, uploads: PypiUploads) -> None:
        self._desk = desk
        self._blobs = blobs
        self._uploads = uploads

    def routes(self) -> list[Route]:
        """What ``main`` mounts."""
        return [
            Route(_PATH + "/simple/", told(self.packages), methods=["GET"]),
            Route(_PATH + "/simple/{package}/", told(self.files), methods=["GET"]),
            Route(_PATH + "/simple/{package}", told(self.files), methods=["GET"]),
            Route(_PATH + "/files/{filename}", told(self.file), methods=["GET"]),
            Route(_PATH + "/legacy/", told(self._uploads.upload), methods=["POST"]),
        ]

    async def packages(self, request: Request) -> Response:
        """Every package of the feed by name."""
        visit = await self._desk.visit(request)
        media = _media(request)
        async with self._desk.database.reading(visit.actor.access) as session:
            uow = UnitOfWork(session, visit.actor.access, visit.cause)
            names = await uow.packages.names(visit.project_id, self._ecosystem)
        return _index(request, media, pypi_index.packages(media, names))

    async def files(self, request: Request) -> Response:
        """The files of one; another spelling of its name is sent to the right one."""
        visit = await self._desk.visit(request)
        asked = request.path_params["package"]
        name = self._desk.packages.feed.canonical(asked)
        if asked != name or not request.url.path.endswith("/"):
            tenant, project = request.path_params["tenant"], request.path_params["project"]
            return RedirectResponse(f"/pypi/{tenant}/{project}/simple/{name}/", 301)
        media = _media(request)
        async with self._desk.database.reading(visit.actor.access) as session:
            uow = UnitOfWork(session, visit.actor.access, visit.cause)
            listed = await uow.packages.published(visit.project_id, self._ecosystem, name)
        if not listed:
            raise absent("package", name)
        return _index(request, media, pypi_index.files(media, name, listed))

    async def file(self, request: Request) -> Response:
        """A file, or the metadata beside it."""
        visit = await self._desk.visit(request)
        filename = request.path_params["filename"]
        row = await self._row(visit, filename.removesuffix(_METADATA))
        digest = None if row is None else row.metadata_digest if filename.endswith(_METADATA) else row.digest
        if digest is None:
            raise absent("file", filename)
        etag = f'"{digest}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag, **_FOR_EVER})
        file = await asyncio.to_thread(self._blobs.open, BlobKey(tenant_id=visit.actor.tenant_id, digest=digest))
        size = await asyncio.to_thread(_size, file)
        headers = {"ETag": etag, "Content-Length": str(size), **_FOR_EVER}
        if request.method == "HEAD":
            file.close()
            return Response(headers=headers, media_type="application/octet-stream")
        return StreamingResponse(_read(file), headers=headers, media_type="application/octet-stream")

    async def _row(self, visit: Visit, filename: str) -> PackageFileRow | None:
        async with self._desk.database.reading(visit.actor.access) as session:
            uow = UnitOfWork(session, visit.actor.access, visit.cause)
            row = await uow.rows.find(PackageFileRow, project_id=visit.project_id, filename=filename)
        return row if row is not None and row.published_at is not None else None

    @property
    def _ecosystem(self) -> str:
        return self._desk.packages.feed.ecosystem.value


def _media(request: Request) -> str:
    media = pypi_index.media_type(",".join(request.headers.getlist("accept")))
    if media is None:
        raise HTTPException(406, f"the index is {pypi_index.JSON}, {pypi_index.HTML} or {pypi_index.TEXT}")
    return media


def _index(request: Request, media: str, body: bytes) -> Response:
    etag = f'"{hashlib.sha256(media.encode() + body).hexdigest()}"'
    headers = {"ETag": etag, **_FRESH}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media, headers=headers)


def _size(file: BufferedIOBase) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


async def _read(file: BufferedIOBase) -> AsyncIterator[bytes]:
    try:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
    finally:
        file.close()
