"""Manifests, tags and referrers of the registry."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from http_api.bodies import patient, too_large
from http_api.registry_answers import refused
from http_api.registry_desk import Asked, RegistryDesk
from providers.blobs.errors import BlobMismatch
from providers.blobs.store import checked
from providers.images.errors import NameInvalid
from providers.images.manifests import MOST_BYTES
from providers.images.values import INDEX, StoredManifest, checked_reference, checked_tag, digest_of, is_digest
from services.actor import Scope

MOST_TAGS: Final = 100
MOST_READ: Final = 4 * MOST_BYTES
PAGE: Final = 1_000


class ManifestViews:
    """The bytes and the media type are the ones that came."""

    def __init__(self, desk: RegistryDesk) -> None:
        self._desk = desk

    async def read(self, request: Request) -> Response:
        """GET and HEAD, by tag or digest."""
        asked = await self._desk.asked(request, Scope.READ)
        reference = checked_reference(request.path_params["reference"])
        async with self._desk.reading(asked) as uow:
            found = await self._desk.registry.manifest(uow, asked.repository, reference)
        headers = {"Docker-Content-Digest": found.digest, "ETag": f'"{found.digest}"'}
        return Response(found.content, headers=headers | {"Content-Type": found.media_type})

    async def write(self, request: Request) -> Response:
        """PUT: 201 once everything that it names is there."""
        asked = await self._desk.asked(request, Scope.PACKAGES_PUBLISH)
        reference = checked_reference(request.path_params["reference"])
        tags = [checked_tag(tag) for tag in request.query_params.getlist("tag")]
        if len(tags) > MOST_TAGS:
            return refused(414, "UNSUPPORTED", f"{len(tags)} tags at once: at most {MOST_TAGS} would pass")
        content = await _content(request)
        digest = await asyncio.to_thread(digest_of, content, _algorithm(reference))
        if is_digest(reference) and digest != reference:
            raise BlobMismatch(reference, digest)
        named = tags if is_digest(reference) else [reference]
        media_type = request.headers.get("content-type", "")
        manifest = StoredManifest(digest=digest, media_type=media_type, content=content)
        told = await self._desk.write(
            asked, lambda uow: self._desk.registry.keep_manifest(uow, asked.repository, manifest, named)
        )
        headers = {"Location": f"{asked.address}/manifests/{digest}", "Docker-Content-Digest": digest}
        if told.subject is not None:
            headers["OCI-Subject"] = told.subject
        if tags:
            headers["OCI-Tag"] = ", ".join(tags)
        return Response(status_code=201, headers=headers)

    async def delete(self, request: Request) -> Response:
        """202, and 404 from then on."""
        asked = await self._desk.asked(request, Scope.PACKAGES_PUBLISH)
        reference = checked_reference(request.path_params["reference"])
        await self._desk.write(asked, lambda uow: self._desk.registry.delete(uow, asked.repository, reference))
        return Response(status_code=202)

    async def tags(self, request: Request) -> Response:
        """At most ``n`` of those after ``last``, and a Link when there are more."""
        asked = await self._desk.asked(request, Scope.READ)
        given, last = request.query_params.get("n", str(PAGE)), request.query_params.get("last", "")
        if not (given.isascii() and given.isdigit()) or len(given) > 9 or len(last) > 128 or "\0" in last:
            raise NameInvalid(f"n is {given[:20]!r} and last {last[:140]!r}: a whole number and a tag would pass")
        limit = min(int(given), PAGE)
        async with self._desk.reading(asked) as uow:
            found = await self._desk.registry.tags(uow, asked.repository, after=last, limit=limit + 1)
        page = found[:limit]
        headers = _next(asked, "tags/list", {"n": str(limit), "last": page[-1]}) if page and len(found) > limit else {}
        return JSONResponse({"name": asked.path, "tags": page}, headers=headers)

    async def referrers(self, request: Request) -> Response:
        """Always an index, empty for what nobody refers to."""
        asked = await self._desk.asked(request, Scope.READ)
        digest = checked(request.path_params["digest"])
        kind = request.query_params.get("artifactType", "").replace(" ", "+")  # a plus sign that was not escaped
        last = request.query_params.get("last", "")
        if "\0" in last + kind:
            raise NameInvalid("artifactType and last have no NUL")
        async with self._desk.reading(asked) as uow:
            page = await self._desk.registry.referrers(
                uow, asked.repository, digest, artifact_type=kind or None, after=last
            )
        headers = {"OCI-Filters-Applied": "artifactType"} if kind else {}
        if page.more:
            filtered = {"artifactType": kind} if kind else {}
            headers |= _next(asked, f"referrers/{digest}", filtered | {"last": page.descriptors[-1].digest})
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [one.document() for one in page.descriptors]}
        return JSONResponse(index, headers=headers, media_type=INDEX)


async def _content(request: Request) -> bytes:
    """What is somewhat too large is read to its end and dropped: a client that still sends hears no answer."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MOST_READ:
        raise too_large(MOST_BYTES)
    content, size = bytearray(), 0
    async for chunk in patient(request):
        size += len(chunk)
        if size > MOST_READ:
            break
        if size <= MOST_BYTES:
            content += chunk
    if size > MOST_BYTES:
        raise too_large(MOST_BYTES)
    return bytes(content)


def _algorithm(reference: str) -> str:
    return reference.partition(":")[0] if is_digest(reference) else "sha256"


def _next(asked: Asked, place: str, query: Mapping[str, str]) -> dict[str, str]:
    return {"Link": f'<{asked.address}/{place}?{urlencode(query)}>; rel="next"'}
