"""Uploads to a Python feed, as twine, uv and Poetry send them: streamed into the blob store, looked through, listed."""

import re
from collections.abc import AsyncIterator
from typing import Final

from packaging.version import InvalidVersion, Version
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from http_api.bodies import patient, too_large
from http_api.form_data import FIELD_BYTES, FormData
from http_api.pypi_desk import PypiDesk, Visit
from providers.blobs.errors import BlobMismatch
from providers.blobs.store import Blob, Blobs
from providers.packages.values import FileKind, PackageFile
from services.failpoints import Failpoints
from storage.errors import Contended, UniqueViolation
from storage.unit_of_work import repeated, unit_of_work

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_KINDS: Final = {"bdist_wheel": FileKind.WHEEL, "sdist": FileKind.SDIST}


class PypiUploads:
    """After any refusal nothing is listed, and a cut-off upload is as if it never was."""

    def __init__(self, desk: PypiDesk, blobs: Blobs, failpoints: Failpoints, *, most_bytes: int) -> None:
        self._desk = desk
        self._blobs = blobs
        self._feed = desk.packages.feed
        self._failpoints = failpoints
        self._most_bytes = most_bytes

    async def upload(self, request: Request) -> Response:
        """200 once the file is listed, also for the same file again; 409 for another under its name."""
        visit = await self._desk.visit(request, writing=True)
        form = FormData(request.headers.get("content-type", ""), self._body(request), file_field="content")
        await form.begin()
        self._feed.named(form.filename)
        blob = await self._put(visit, form)
        file = await self._feed.publish(visit.actor.tenant_id, form.filename, blob.key.digest)
        self._check(form, file)
        self._failpoints.reach("commit:before")
        await repeated(lambda: self._record(visit, file), on=(Contended, UniqueViolation))
        self._failpoints.reach("commit:after")
        return PlainTextResponse(f"{form.filename} is published\n")

    async def _record(self, visit: Visit, file: PackageFile) -> None:
        """Whoever publishes the same version at the same time comes before or after."""
        async with unit_of_work(self._desk.database, visit.actor.access, visit.cause) as uow:
            await self._desk.packages.uploaded(uow, visit.actor, visit.project_id, file)
            await uow.commit()

    async def _put(self, visit: Visit, form: FormData) -> Blob:
        """The digest is mostly told before the content, and then nothing is kept that is otherwise."""
        try:
            blob = await self._blobs.put(visit.actor.tenant_id, form.content(), expected=_expected(form))
        except BlobMismatch as error:
            raise HTTPException(400, str(error)) from error
        if _expected(form) not in {None, blob.key.digest}:
            raise HTTPException(400, str(BlobMismatch(str(_expected(form)), blob.key.digest)))
        return blob

    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        most, size = self._most_bytes + FIELD_BYTES, 0
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > most:
            raise too_large(self._most_bytes)
        async for chunk in patient(request):
            size += len(chunk)
            if size > most:
                raise too_large(self._most_bytes)
            yield chunk

    def _check(self, form: FormData, file: PackageFile) -> None:
        """What the form says beside the file must be what the file says."""
        action = form.field(":action")
        if action != "file_upload":
            raise HTTPException(400, f":action is {str(action)[:40]!r}: only 'file_upload' is served")
        kind = form.field("filetype")
        if kind is not None and _KINDS.get(kind) != file.named.kind:
            raise HTTPException(400, f"filetype {kind[:40]!r} is not what {file.named.filename} is")
        name, version = form.field("name"), form.field("version")
        if name is not None and self._feed.canonical(name) != file.named.name:
            raise HTTPException(400, f"name {name[:80]!r} is not that of {file.named.filename}")
        if version is not None and not _same(version, file.named.version):
            raise HTTPException(400, f"version {version[:80]!r} is not that of {file.named.filename}")


def _expected(form: FormData) -> str | None:
    told = form.field("sha256_digest")
    if not told:
        return None
    if _HEX.fullmatch(told.lower()) is None:
        raise HTTPException(400, f"sha256_digest {told[:80]!r} is not 64 hex digits")
    return f"sha256:{told.lower()}"


def _same(version: str, other: str) -> bool:
    try:
        return Version(version) == Version(other)
    except InvalidVersion:
        return False
