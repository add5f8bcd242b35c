"""RegistryService: what a repository of images has, within the walls of tenant and project."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from providers.images import manifests
from providers.images.errors import (
    BlobInUse,
    BlobUnknown,
    ManifestBlobUnknown,
    ManifestUnknown,
    RegistryFull,
    RepositoryUnknown,
    TooManyUploads,
    UploadUnknown,
)
from providers.images.values import Descriptor, ImageRepository, StoredManifest, is_digest, split
from services.actor import Actor, Scope
from storage.ids import new_id
from storage.tables.platform import ProjectRow, TenantRow
from storage.tables.scoped import now
from storage.unit_of_work import UnitOfWork

KEPT: Final = timedelta(hours=24)
UNUSED: Final = timedelta(days=7)
MOST_UPLOADS: Final = 100
REFERRERS: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Referrers:
    """A page of them; ``more`` when there are others after the last."""

    descriptors: list[Descriptor]
    more: bool


class RegistryService:
    """Owns the registry's rows; the blob store holds the blobs, and uploads are files until they are whole."""

    def __init__(self, *, most_bytes: int) -> None:
        self.most_bytes = most_bytes

    async def repository(self, uow: UnitOfWork, actor: Actor, path: str, scope: Scope) -> ImageRepository:
        """Of a project that the token sees, and may do this in; RepositoryUnknown, NameInvalid, Forbidden."""
        tenant_name, project_name, name = split(path)
        tenant = await uow.rows.get(TenantRow, actor.tenant_id)
        if tenant is not None and tenant.name == tenant_name:
            project = await uow.rows.find(ProjectRow, name=project_name)
            if project is not None:
                actor.require(scope)
                return ImageRepository(tenant_id=actor.tenant_id, project_id=project.id, name=name)
        raise RepositoryUnknown(path)

    async def room(self, uow: UnitOfWork) -> int:
        """How many bytes the tenant may still bring, over all its projects: RegistryFull when none."""
        _, coming = await uow.registry.open_uploads(now() - KEPT)
        left = self.most_bytes - coming - await uow.registry.bytes()
        if left <= 0:
            raise RegistryFull(self.most_bytes)
        return left

    async def check_open(self, uow: UnitOfWork) -> None:
        """TooManyUploads of the whole tenant."""
        count, _ = await uow.registry.open_uploads(now() - KEPT)
        if count >= MOST_UPLOADS:
            raise TooManyUploads(MOST_UPLOADS)

    async def begin(self, uow: UnitOfWork, actor: Actor, repository: ImageRepository) -> UUID:
        """The id of a new upload, which ends by itself after a day."""
        upload_id = new_id()
        await uow.registry.begin(_place(repository), upload_id, actor.identity_id)
        return upload_id

    async def check_upload(self, uow: UnitOfWork, repository: ImageRepository, upload_id: UUID) -> None:
        """UploadUnknown for one that has ended, or is of another repository."""
        if not await uow.registry.upload_since(_place(repository), upload_id, now() - KEPT):
            raise UploadUnknown

    async def cancel(self, uow: UnitOfWork, upload_id: UUID) -> None:
        """UploadUnknown when another request ended it."""
        if not await uow.registry.end(upload_id):
            raise UploadUnknown

    async def mount(
        self, uow: UnitOfWork, repository: ImageRepository, digest: str, source: ImageRepository | None
    ) -> bool:
        """Whether the repository has the blob now, from the source or from any repository in the caller's sight."""
        there = await uow.registry.place_of(digest, None if source is None else _place(source))
        if there is None or not await uow.registry.touch(there, {digest}):
            return False
        size = await uow.registry.blob_size(there, digest)
        if size is None:
            return False
        await uow.registry.keep_blob(_place(repository), digest, size)
        return True

    async def keep_blob(self, uow: UnitOfWork, repository: ImageRepository, digest: str, size: int) -> None:
        """Once the blob store has it."""
        await uow.registry.keep_blob(_place(repository), digest, size)

    async def blob_size(self, uow: UnitOfWork, repository: ImageRepository, digest: str) -> int:
        """BlobUnknown unless this repository has it, whoever else does."""
        size = await self.blob_size_or_none(uow, repository, digest)
        if size is None:
            raise BlobUnknown(digest)
        return size

    async def blob_size_or_none(self, uow: UnitOfWork, repository: ImageRepository, digest: str) -> int | None:
        """For who would push it otherwise."""
        return await uow.registry.blob_size(_place(repository), digest)

    async def delete_blob(self, uow: UnitOfWork, repository: ImageRepository, digest: str) -> None:
        """BlobInUse while a manifest names it; its row is held first, so that none comes to name it meanwhile."""
        place = _place(repository)
        if not await uow.registry.touch(place, {digest}):
            raise BlobUnknown(digest)
        if await uow.registry.in_use(place, digest):
            raise BlobInUse(digest)
        await uow.registry.drop_blob(place, digest)

    async def keep_manifest(
        self, uow: UnitOfWork, repository: ImageRepository, manifest: StoredManifest, tags: list[str]
    ) -> manifests.Told:
        """What it tells of itself, once everything that it names is there; the subject need not be."""
        told = manifests.read(manifest.content, manifest.media_type)
        place = _place(repository)
        missing = told.blobs - await uow.registry.touch(place, told.blobs)
        missing |= told.manifests - await uow.registry.manifests_among(place, told.manifests)
        if missing:
            raise ManifestBlobUnknown(sorted(missing))
        fields: dict[str, object] = {
            "digest": manifest.digest,
            "media_type": told.media_type,
            "content": manifest.content,
            "size": len(manifest.content),
            "subject": told.subject,
            "artifact_type": told.artifact_type,
            "annotations": told.annotations,
        }
        await uow.registry.keep_manifest(place, fields, told.blobs)
        await uow.registry.tag(place, manifest.digest, tags)
        return told

    async def manifest(self, uow: UnitOfWork, repository: ImageRepository, reference: str) -> StoredManifest:
        """By digest or tag."""
        place = _place(repository)
        digest = reference if is_digest(reference) else await uow.registry.tagged(place, reference)
        found = None if digest is None else await uow.registry.manifest(place, digest)
        if digest is None or found is None:
            raise ManifestUnknown(reference)
        return StoredManifest(digest=digest, media_type=found[0], content=found[1])

    async def delete(self, uow: UnitOfWork, repository: ImageRepository, reference: str) -> None:
        """A tag, or a manifest with its tags; its blobs go after a while unless another manifest names them."""
        place = _place(repository)
        if is_digest(reference):
            gone = await uow.registry.drop_manifest(place, reference)
        else:
            gone = await uow.registry.untag(place, reference)
        if not gone:
            raise ManifestUnknown(reference)

    async def tags(self, uow: UnitOfWork, repository: ImageRepository, *, after: str, limit: int) -> list[str]:
        """RepositoryUnknown for one that has nothing at all."""
        found = await self.tags_or_none(uow, repository, after, limit)
        if not found and not await uow.registry.known(_place(repository)):
            raise RepositoryUnknown(repository.name)
        return found

    async def tags_or_none(self, uow: UnitOfWork, repository: ImageRepository, after: str, limit: int) -> list[str]:
        """None too of one that has nothing at all."""
        return await uow.registry.tags(_place(repository), after, limit)

    async def referrers(
        self, uow: UnitOfWork, repository: ImageRepository, digest: str, *, artifact_type: str | None, after: str
    ) -> Referrers:
        """Those of a digest that nobody has are none, or the ones that came before it."""
        place = _place(repository)
        found = await uow.registry.referrers(
            place, digest, artifact_type=artifact_type, after=after, limit=REFERRERS + 1
        )
        page = _page(found[:REFERRERS])
        described = [
            Descriptor(media_type=media_type, digest=digest, size=size, artifact_type=kind, annotations=annotations)
            for media_type, digest, size, kind, annotations in await uow.registry.told_of(place, page)
        ]
        return Referrers(descriptors=described, more=len(found) > len(page))


def _page(found: list[tuple[str, int]]) -> list[str]:
    """As many as are no larger together than one manifest may be, for their annotations are told; one at least."""
    page: list[str] = []
    size = 0
    for digest, its in found:
        size += its
        if page and size > manifests.MOST_BYTES:
            break
        page.append(digest)
    return page


def _place(repository: ImageRepository) -> tuple[UUID, str]:
    return repository.project_id, repository.name
