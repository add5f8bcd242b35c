"""An image registry in memory."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Sequence

from providers.blobs.errors import BlobMismatch
from providers.blobs.store import checked
from providers.images import manifests
from providers.images.errors import BlobUnknown, ManifestBlobUnknown, ManifestUnknown
from providers.images.values import (
    Descriptor,
    ImageRepository,
    StoredManifest,
    checked_reference,
    checked_tag,
    digest_of,
    is_digest,
)


class MemoryImages:
    """As the embedded one, until the process ends."""

    def __init__(self) -> None:
        self._blobs: dict[tuple[ImageRepository, str], bytes] = {}
        self._manifests: dict[tuple[ImageRepository, str], StoredManifest] = {}
        self._tags: dict[tuple[ImageRepository, str], str] = {}

    async def blob_size(self, repository: ImageRepository, digest: str) -> int | None:
        """Of what is held."""
        content = self._blobs.get((repository, digest))
        return None if content is None else len(content)

    async def push_blob(self, repository: ImageRepository, digest: str, content: AsyncIterable[bytes]) -> int:
        """Held whole."""
        algorithm = checked(digest).partition(":")[0]
        data = b"".join([chunk async for chunk in content])
        actual = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        if actual != digest:
            raise BlobMismatch(digest, actual)
        self._blobs[repository, digest] = data
        return len(data)

    async def read_blob(self, repository: ImageRepository, digest: str) -> AsyncIterator[bytes]:
        """In one piece."""
        if (repository, checked(digest)) not in self._blobs:
            raise BlobUnknown(digest)
        yield self._blobs[repository, digest]

    async def push_manifest(
        self, repository: ImageRepository, content: bytes, media_type: str, *, tags: Sequence[str] = ()
    ) -> str:
        """With its tags."""
        named = [checked_tag(tag) for tag in tags]
        told = manifests.read(content, media_type)
        missing = [digest for digest in told.blobs if (repository, digest) not in self._blobs]
        missing += [digest for digest in told.manifests if (repository, digest) not in self._manifests]
        if missing:
            raise ManifestBlobUnknown(sorted(missing))
        digest = digest_of(content)
        self._manifests[repository, digest] = StoredManifest(digest=digest, media_type=told.media_type, content=content)
        self._tags |= {(repository, tag): digest for tag in named}
        return digest

    async def manifest(self, repository: ImageRepository, reference: str) -> StoredManifest:
        """What is held."""
        checked_reference(reference)
        digest = reference if is_digest(reference) else self._tags.get((repository, reference), "")
        if (repository, digest) not in self._manifests:
            raise ManifestUnknown(reference)
        return self._manifests[repository, digest]

    async def referrers(
        self, repository: ImageRepository, digest: str, *, artifact_type: str | None = None
    ) -> list[Descriptor]:
        """Read from the manifests that are held."""
        found = []
        for (where, _), stored in sorted(self._manifests.items(), key=lambda held: held[0][1]):
            told = manifests.read(stored.content, stored.media_type)
            if where == repository and told.subject == digest and artifact_type in {None, told.artifact_type}:
                found.append(
                    Descriptor(
                        media_type=stored.media_type,
                        digest=stored.digest,
                        size=len(stored.content),
                        artifact_type=told.artifact_type,
                        annotations=told.annotations,
                    )
                )
        return found

    async def tags(self, repository: ImageRepository, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Sorted as Python sorts, which for tags is by bytes."""
        return sorted(tag for where, tag in self._tags if where == repository and tag > after)[:limit]

    async def delete(self, repository: ImageRepository, reference: str) -> None:
        """With its tags."""
        checked_reference(reference)
        held = self._manifests if is_digest(reference) else self._tags
        if held.pop((repository, reference), None) is None:
            raise ManifestUnknown(reference)
        self._tags = {key: digest for key, digest in self._tags.items() if digest != reference or key[0] != repository}
