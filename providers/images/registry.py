"""The port to an image registry: the embedded one, or any that speaks OCI Distribution."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Protocol

from providers.images.values import Descriptor, ImageRepository, StoredManifest


class ImageRegistry(Protocol):
    """Any number of tasks may ask at once. ProviderUnavailable when it does not answer, ImageRejected when it refuses.

    What was pushed before is adopted: every push may be repeated.
    """

    async def blob_size(self, repository: ImageRepository, digest: str) -> int | None:
        """The size of a blob that the repository has, or None."""
        ...

    async def push_blob(self, repository: ImageRepository, digest: str, content: AsyncIterable[bytes]) -> int:
        """Its size, once it is whole and on the disk; BlobMismatch when the content is not what the digest says."""
        ...

    def read_blob(self, repository: ImageRepository, digest: str) -> AsyncIterator[bytes]:
        """The content piece by piece; BlobUnknown before the first."""
        ...

    async def push_manifest(
        self, repository: ImageRepository, content: bytes, media_type: str, *, tags: Sequence[str] = ()
    ) -> str:
        """Its sha256 digest, which the tags point at from now on; ManifestInvalid, ManifestBlobUnknown."""
        ...

    async def manifest(self, repository: ImageRepository, reference: str) -> StoredManifest:
        """By digest or tag; ManifestUnknown."""
        ...

    async def referrers(
        self, repository: ImageRepository, digest: str, *, artifact_type: str | None = None
    ) -> list[Descriptor]:
        """The manifests whose subject is this digest, whether it exists or not, by digest."""
        ...

    async def tags(self, repository: ImageRepository, *, after: str = "", limit: int = 1_000) -> list[str]:
        """In the order of their bytes, those that come after that one."""
        ...

    async def delete(self, repository: ImageRepository, reference: str) -> None:
        """A tag, or a manifest with every tag that points at it; ManifestUnknown."""
        ...
