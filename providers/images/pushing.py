"""An image into a registry: its blobs, each unless it is there, then its manifest."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from providers.images.assembly import Image
from providers.images.registry import ImageRegistry
from providers.images.values import EMPTY, MANIFEST, Descriptor, ImageRepository, canonical, digest_of

NOTHING: Final = b"{}"


async def push_image(
    registry: ImageRegistry, repository: ImageRepository, image: Image, *, tags: Sequence[str] = ()
) -> str:
    """Its digest; pushed again, nothing changes but where the tags point."""
    for digest, content in image.blobs.items():
        await _push(registry, repository, digest, content)
    return await registry.push_manifest(repository, image.manifest, MANIFEST, tags=tags)


async def push_referrer(
    registry: ImageRegistry,
    repository: ImageRepository,
    subject: Descriptor,
    content: bytes,
    artifact_type: str,
    *,
    annotations: dict[str, str] | None = None,
) -> str:
    """The digest of a manifest whose one layer is the content, and whose subject the image."""
    digest = digest_of(content)
    await _push(registry, repository, digest_of(NOTHING), NOTHING)
    await _push(registry, repository, digest, content)
    manifest: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": Descriptor(media_type=EMPTY, digest=digest_of(NOTHING), size=len(NOTHING)).document(),
        "layers": [Descriptor(media_type=artifact_type, digest=digest, size=len(content)).document()],
        "subject": subject.document(),
    }
    if annotations:
        manifest["annotations"] = annotations
    return await registry.push_manifest(repository, canonical(manifest), MANIFEST)


async def _push(registry: ImageRegistry, repository: ImageRepository, digest: str, content: bytes) -> None:
    if await registry.blob_size(repository, digest) is None:
        await registry.push_blob(repository, digest, _once(content))


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
