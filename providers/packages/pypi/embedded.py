"""The embedded feed of Python packages: files are blobs of their tenant, and what is listed is for rows to say."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from providers.blobs.errors import BlobMissing
from providers.blobs.store import BlobKey, Blobs
from providers.packages.pypi import names
from providers.packages.pypi.metadata import requires_python
from providers.packages.pypi.sdist import read_sdist
from providers.packages.pypi.wheel import read_wheel
from providers.packages.values import Ecosystem, FileKind, NamedFile, PackageFile


class EmbeddedPypi:
    """The blob store keeps what is published; a wheel's metadata is a blob beside it, for PEP 658."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    @property
    def ecosystem(self) -> Ecosystem:
        """Python's."""
        return Ecosystem.PYPI

    def canonical(self, name: str) -> str:
        """PEP 503."""
        return names.canonical(name)

    def named(self, filename: str) -> NamedFile:
        """A wheel's or an sdist's."""
        return names.named(filename)

    async def publish(self, tenant_id: UUID, filename: str, digest: str) -> PackageFile:
        """Reads all of it once, in a thread."""
        named = names.named(filename)
        key = BlobKey(tenant_id=tenant_id, digest=digest)
        blob = await self._blobs.stat(key)
        if blob is None:
            raise BlobMissing(digest)
        told = await asyncio.to_thread(self._read, key, blob.size, named)
        wanted = requires_python(told, named)
        beside = None
        if named.kind is FileKind.WHEEL:
            beside = (await self._blobs.put(tenant_id, _whole(told))).key.digest
        return PackageFile(named=named, digest=digest, size=blob.size, requires_python=wanted, metadata_digest=beside)

    def _read(self, key: BlobKey, size: int, named: NamedFile) -> bytes:
        with self._blobs.open(key) as file:
            return (read_wheel if named.kind is FileKind.WHEEL else read_sdist)(file, size, named)


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
