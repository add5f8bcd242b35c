"""The embedded ImageRegistry: the rows and blobs that ``/v2/`` serves, reached without HTTP by workers."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeVar

from providers.blobs.store import BlobKey, Blobs, checked
from providers.images.values import (
    Descriptor,
    ImageRepository,
    StoredManifest,
    checked_reference,
    checked_tag,
    digest_of,
)
from services.failpoints import Failpoints
from services.packaging.registry import Referrers, RegistryService
from storage.access import Access, Cause
from storage.engine import Database
from storage.ids import new_id
from storage.unit_of_work import UnitOfWork, repeated, unit_of_work

BLOCK: Final = 1_048_576
T = TypeVar("T")


class EmbeddedRegistry:
    """Each call is a unit of work of its own, within the tenant of the repository."""

    def __init__(self, database: Database, registry: RegistryService, blobs: Blobs, failpoints: Failpoints) -> None:
        self._database = database
        self._registry = registry
        self._blobs = blobs
        self._failpoints = failpoints

    async def blob_size(self, repository: ImageRepository, digest: str) -> int | None:
        """By its row."""
        return await self._read(repository, lambda uow: self._registry.blob_size_or_none(uow, repository, digest))

    async def push_blob(self, repository: ImageRepository, digest: str, content: AsyncIterable[bytes]) -> int:
        """RegistryFull before anything is read when the tenant has no room."""
        await self._read(repository, self._registry.room)
        blob = await self._blobs.put(repository.tenant_id, content, expected=digest)
        await self._write(repository, lambda uow: self._registry.keep_blob(uow, repository, digest, blob.size))
        return blob.size

    async def read_blob(self, repository: ImageRepository, digest: str) -> AsyncIterator[bytes]:
        """A megabyte at a time."""
        checked(digest)
        await self._read(repository, lambda uow: self._registry.blob_size(uow, repository, digest))
        key = BlobKey(tenant_id=repository.tenant_id, digest=digest)
        with await asyncio.to_thread(self._blobs.open, key) as source:
            while block := await asyncio.to_thread(source.read, BLOCK):
                yield block

    async def push_manifest(
        self, repository: ImageRepository, content: bytes, media_type: str, *, tags: Sequence[str] = ()
    ) -> str:
        """Manifest and tags in one commit."""
        named = [checked_tag(tag) for tag in tags]
        manifest = StoredManifest(digest=digest_of(content), media_type=media_type, content=content)
        await self._write(repository, lambda uow: self._registry.keep_manifest(uow, repository, manifest, named))
        return manifest.digest

    async def manifest(self, repository: ImageRepository, reference: str) -> StoredManifest:
        """By its row."""
        checked_reference(reference)
        return await self._read(repository, lambda uow: self._registry.manifest(uow, repository, reference))

    async def referrers(
        self, repository: ImageRepository, digest: str, *, artifact_type: str | None = None
    ) -> list[Descriptor]:
        """All pages."""
        found: list[Descriptor] = []

        async def page(uow: UnitOfWork) -> Referrers:
            after = found[-1].digest if found else ""
            return await self._registry.referrers(uow, repository, digest, artifact_type=artifact_type, after=after)

        while True:
            read = await self._read(repository, page)
            found += read.descriptors
            if not read.more:
                return found

    async def tags(self, repository: ImageRepository, *, after: str = "", limit: int = 1_000) -> list[str]:
        """None for a repository that has nothing."""
        return await self._read(repository, lambda uow: self._registry.tags_or_none(uow, repository, after, limit))

    async def delete(self, repository: ImageRepository, reference: str) -> None:
        """In one commit."""
        checked_reference(reference)
        await self._write(repository, lambda uow: self._registry.delete(uow, repository, reference))

    async def _read(self, repository: ImageRepository, question: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        access = Access(tenant_id=repository.tenant_id)
        async with self._database.reading(access) as session:
            return await question(UnitOfWork(session, access, _cause()))

    async def _write(self, repository: ImageRepository, change: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        async def attempt() -> T:
            async with unit_of_work(self._database, Access(tenant_id=repository.tenant_id), _cause()) as uow:
                done = await change(uow)
                self._failpoints.reach("commit:before")
                await uow.commit()
            self._failpoints.reach("commit:after")
            return done

        return await repeated(attempt)


def _cause() -> Cause:
    """The registry tells no events: whoever pushes does."""
    trace = new_id().hex
    return Cause(actor_id=None, on_behalf_of=None, trace_id=trace, correlation_id=trace, causation_id=trace)
