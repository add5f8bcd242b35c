"""Statements of the image registry; each within one repository, or within what the access sees of the tenant."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Executable, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from storage.access import Access
from storage.queries.visible import visible
from storage.tables.registry import (
    RegistryBlobRow,
    RegistryManifestRow,
    RegistryReferenceRow,
    RegistryTagRow,
    RegistryUploadRow,
)
from storage.tables.scoped import now
from storage.upserts import insert_or_keep, insert_or_update

_BLOB: Final = insert_or_update(RegistryBlobRow, ("size", "created_at"))
_MANIFEST: Final = insert_or_keep(RegistryManifestRow)
_REFERENCE: Final = insert_or_keep(RegistryReferenceRow)
_TAG: Final = insert_or_update(RegistryTagRow, ("digest", "updated_at"))
_PLACED: Final = (RegistryTagRow, RegistryManifestRow, RegistryBlobRow)
Place = tuple[UUID, str]


class RegistryQueries:
    """``Place`` is a repository: project and name."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def known(self, place: Place) -> bool:
        """Whether anything was ever pushed there that is still kept."""
        for kind in _PLACED:
            if (await self._in(place, kind, kind.digest, limit=1)).first() is not None:
                return True
        return False

    async def blob_size(self, place: Place, digest: str) -> int | None:
        """Of a blob that the repository has."""
        c: Any = RegistryBlobRow
        found: int | None = (await self._in(place, c, c.size, where=(c.digest == digest,))).scalar_one_or_none()
        return found

    async def place_of(self, digest: str, place: Place | None = None) -> Place | None:
        """A repository in sight that has the blob, or that one."""
        c: Any = RegistryBlobRow
        there = () if place is None else self._of(place, c)
        statement = visible(self._access, c, c.project_id, c.repository).where(c.digest == digest, *there).limit(1)
        found = (await self._session.execute(statement)).first()
        return None if found is None else (found[0], found[1])

    async def keep_blob(self, place: Place, digest: str, size: int) -> None:
        """The same blob again is needed from now."""
        await self._put(_BLOB, [self._at(place) | {"digest": digest, "size": size, "created_at": now()}])

    async def touch(self, place: Place, digests: Collection[str]) -> set[str]:
        """Which of these blobs the repository has; they are needed from now, and stay until the commit."""
        c: Any = RegistryBlobRow
        found: set[str] = set()
        for some in _batches(sorted(digests)):
            statement = update(c).where(*self._of(place, c), c.digest.in_(some)).values(created_at=now())
            found |= set((await self._session.execute(statement.returning(c.digest))).scalars())
        return found

    async def in_use(self, place: Place, blob: str) -> bool:
        """Whether a manifest of the repository names the blob."""
        c: Any = RegistryReferenceRow
        return (await self._in(place, c, c.blob, where=(c.blob == blob,), limit=1)).first() is not None

    async def drop_blob(self, place: Place, digest: str) -> bool:
        """Whether it was there."""
        c: Any = RegistryBlobRow
        return await self._drop(delete(c).where(*self._of(place, c), c.digest == digest))

    async def manifests_among(self, place: Place, digests: Collection[str]) -> set[str]:
        """Which of these manifests the repository has."""
        c: Any = RegistryManifestRow
        found: set[str] = set()
        for some in _batches(sorted(digests)):
            found |= set((await self._in(place, c, c.digest, where=(c.digest.in_(some),))).scalars())
        return found

    async def keep_manifest(self, place: Place, fields: dict[str, object], blobs: Collection[str]) -> None:
        """One that stands already is left as it is: its digest says that it is the same."""
        at = self._at(place)
        await self._put(_MANIFEST, [at | fields | {"created_at": now()}])
        rows = [at | {"manifest": fields["digest"], "blob": blob} for blob in sorted(blobs)]
        if rows:
            await self._put(_REFERENCE, rows)

    async def tag(self, place: Place, digest: str, names: Sequence[str]) -> None:
        """The names point there from now on."""
        rows = [self._at(place) | {"name": name, "digest": digest, "updated_at": now()} for name in sorted(set(names))]
        if rows:
            await self._put(_TAG, rows)

    async def tagged(self, place: Place, name: str) -> str | None:
        """The digest that the tag points at."""
        c: Any = RegistryTagRow
        found: str | None = (await self._in(place, c, c.digest, where=(c.name == name,))).scalar_one_or_none()
        return found

    async def manifest(self, place: Place, digest: str) -> tuple[str, bytes] | None:
        """Media type and bytes."""
        c: Any = RegistryManifestRow
        found = (await self._in(place, c, c.media_type, c.content, where=(c.digest == digest,))).first()
        return None if found is None else (found[0], found[1])

    async def untag(self, place: Place, name: str) -> bool:
        """Whether it was there."""
        c: Any = RegistryTagRow
        return await self._drop(delete(c).where(*self._of(place, c), c.name == name))

    async def drop_manifest(self, place: Place, digest: str) -> bool:
        """With its tags; whether it was there."""
        tags: Any = RegistryTagRow
        references: Any = RegistryReferenceRow
        manifests: Any = RegistryManifestRow
        await self._session.execute(delete(tags).where(*self._of(place, tags), tags.digest == digest))
        await self._session.execute(
            delete(references).where(*self._of(place, references), references.manifest == digest)
        )
        return await self._drop(delete(manifests).where(*self._of(place, manifests), manifests.digest == digest))

    async def tags(self, place: Place, after: str, limit: int) -> list[str]:
        """In the order of their bytes."""
        c: Any = RegistryTagRow
        statement = visible(self._access, c, c.name).where(*self._of(place, c), c.name > after)
        return list((await self._session.execute(statement.order_by(c.name).limit(limit))).scalars())

    async def referrers(
        self, place: Place, subject: str, *, artifact_type: str | None, after: str, limit: int
    ) -> list[tuple[str, int]]:
        """Digest and size of each, by digest."""
        c: Any = RegistryManifestRow
        statement = visible(self._access, c, c.digest, c.size)
        statement = statement.where(*self._of(place, c), c.subject == subject, c.digest > after)
        if artifact_type is not None:
            statement = statement.where(c.artifact_type == artifact_type)
        found = await self._session.execute(statement.order_by(c.digest).limit(limit))
        return [(digest, size) for digest, size in found]

    async def told_of(self, place: Place, digests: Sequence[str]) -> list[Any]:
        """Media type, digest, size, artifact type and annotations of these manifests, by digest."""
        c: Any = RegistryManifestRow
        told = (c.media_type, c.digest, c.size, c.artifact_type, c.annotations)
        statement = visible(self._access, c, *told).where(*self._of(place, c), c.digest.in_(digests))
        return list((await self._session.execute(statement.order_by(c.digest))).all())

    async def begin(self, place: Place, upload_id: UUID, created_by: UUID) -> None:
        """Notes an upload."""
        row = RegistryUploadRow(
            tenant_id=self._access.tenant_id, id=upload_id, project_id=place[0], repository=place[1],
            size=0, created_by=created_by, created_at=now(),
        )  # fmt: skip
        self._session.add(row)
        await self._session.flush()

    async def upload_since(self, place: Place, upload_id: UUID, since: datetime) -> bool:
        """Whether it is open: begun since then, in that repository."""
        c: Any = RegistryUploadRow
        found = await self._in(place, c, c.id, where=(c.id == upload_id, c.created_at >= since))
        return found.first() is not None

    async def note(self, upload_id: UUID, size: int) -> None:
        """How much has come."""
        c: Any = RegistryUploadRow
        mine = (c.tenant_id == self._access.tenant_id, c.id == upload_id)
        await self._session.execute(update(c).where(*mine).values(size=size))

    async def end(self, upload_id: UUID) -> bool:
        """Whether it was open."""
        c: Any = RegistryUploadRow
        return await self._drop(delete(c).where(c.tenant_id == self._access.tenant_id, c.id == upload_id))

    async def open_uploads(self, since: datetime) -> tuple[int, int]:
        """How many are open and what they hold; for an access to the whole tenant."""
        c: Any = RegistryUploadRow
        statement = visible(self._access, c, func.count(c.id), func.sum(c.size)).where(c.created_at >= since)
        count, size = (await self._session.execute(statement)).one()
        return int(count), int(size or 0)

    async def bytes(self) -> int:
        """What the tenant's blobs take: each content once; for an access to the whole tenant."""
        c: Any = RegistryBlobRow
        each = visible(self._access, c, c.digest, c.size).distinct().subquery()
        return int((await self._session.execute(select(func.sum(each.c.size)))).scalar() or 0)

    def _at(self, place: Place) -> dict[str, object]:
        return {"tenant_id": self._access.tenant_id, "project_id": place[0], "repository": place[1]}

    def _of(self, place: Place, kind: Any) -> tuple[Any, ...]:
        return (kind.tenant_id == self._access.tenant_id, kind.project_id == place[0], kind.repository == place[1])

    async def _in(self, place: Place, kind: Any, *columns: Any, where: Sequence[Any] = (), limit: int = 0) -> Any:
        statement = visible(self._access, kind, *columns).where(*self._of(place, kind), *where)
        return await self._session.execute(statement.limit(limit) if limit else statement)

    async def _drop(self, statement: Any) -> bool:
        result: Any = await self._session.execute(statement)
        return bool(result.rowcount)

    async def _put(self, statements: Any, rows: list[dict[str, object]]) -> None:
        await self._session.run_sync(_put, statements, rows)


def _put(session: Session, statements: dict[str, Executable], rows: list[dict[str, object]]) -> None:
    connection = session.connection()
    connection.execute(statements[connection.dialect.name], rows)


def _batches(digests: list[str]) -> list[list[str]]:
    return [digests[start : start + 500] for start in range(0, len(digests), 500)]


async def had(session: AsyncSession, keys: Sequence[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Those of these (tenant, digest) that a repository has; in the system role, for the sweep of blobs."""
    c: Any = RegistryBlobRow
    statement = select(c.tenant_id, c.digest).where(tuple_(c.tenant_id, c.digest).in_(keys)).distinct()
    return {(tenant_id, digest) for tenant_id, digest in await session.execute(statement)}
