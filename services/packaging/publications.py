"""How a publication comes to be and changes: what it is, which file it takes, and what is told of it."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from providers.packages.values import Ecosystem, PackageFile
from services.errors import Conflict
from services.events.event import Event, record
from services.events.packaging import PackagePublicationFailed, PackagePublicationRequested, PackagePublished
from storage.access import NewEdge
from storage.tables.packages import PackageFileRow, PackagePublicationRow
from storage.tables.scoped import now
from storage.unit_of_work import UnitOfWork


class PublicationStatus(StrEnum):
    """Where a version of a package is in its life."""

    PENDING = "PENDING"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"
    UNLISTED = "UNLISTED"


async def accept(
    uow: UnitOfWork, project_id: UUID, module_id: UUID | None, ecosystem: Ecosystem, file: PackageFile
) -> tuple[PackagePublicationRow, PackageFileRow | None]:
    """The version that the file is of, made when it is the first, and what has the file's name already."""
    keys: dict[str, Any] = {"ecosystem": ecosystem.value, "name": file.named.name, "version_name": file.named.version}
    row = await uow.rows.find_locked(PackagePublicationRow, project_id=project_id, **keys)
    found = await uow.rows.find(PackageFileRow, project_id=project_id, filename=file.named.filename)
    if row is None:
        row = PackagePublicationRow(
            tenant_id=uow.tenant_id,
            project_id=project_id,
            module_id=module_id,
            status=PublicationStatus.PENDING.value,
            published_by=uow.cause.actor_id,
            trace_id=uow.cause.trace_id,
            **keys,
        )
        await uow.rows.add(row)
    elif row.status == PublicationStatus.FAILED:
        row.status, row.failure = PublicationStatus.PENDING.value, None
    return row, found


def file_row(row: PackagePublicationRow, file: PackageFile) -> PackageFileRow:
    """The file as it waits."""
    return PackageFileRow(
        tenant_id=row.tenant_id,
        project_id=row.project_id,
        publication_id=row.id,
        filename=file.named.filename,
        kind=file.named.kind.value,
        digest=file.digest,
        size=file.size,
    )


def conflict(found: PackageFileRow | None, file: PackageFile) -> Conflict | None:
    """Why the file cannot be published: another content has its name."""
    if found is None or found.digest == file.digest:
        return None
    return Conflict(
        f"{file.named.filename} stands with {found.digest}, which is not {file.digest}: a version never changes,"
        " publish the next one",
        field="filename",
    )


def publish(uow: UnitOfWork, row: PackagePublicationRow, found: PackageFileRow, file: PackageFile) -> None:
    """The file is listed from now; an unlisted version stays unlisted."""
    at = now()
    found.published_at, found.size = at, file.size
    found.requires_python, found.metadata_digest = file.requires_python, file.metadata_digest
    row.published_at, row.failure = row.published_at or at, None
    if row.status != PublicationStatus.UNLISTED:
        row.status = PublicationStatus.PUBLISHED.value
    _tell(uow, row, PackagePublished(**_told(row, found.filename, found.digest)))
    if row.build_result_id is not None:
        ends = {"upstream": ("BuildResult", row.build_result_id), "downstream": ("PackagePublication", row.id)}
        uow.link(NewEdge(kind="PACKAGED_AS", project_id=row.project_id, **ends))


async def settle(uow: UnitOfWork, row: PackagePublicationRow, found: PackageFileRow, reason: str) -> None:
    """The file goes, so that a better one may take its name; a version without any file has FAILED."""
    fail(uow, row, found.filename, found.digest, reason)
    await uow.rows.delete(found)


def fail(uow: UnitOfWork, row: PackagePublicationRow, filename: str, digest: str, reason: str) -> None:
    """What is published stays as it is."""
    row.failure = reason
    if row.status == PublicationStatus.PENDING:
        row.status = PublicationStatus.FAILED.value
    _tell(uow, row, PackagePublicationFailed(**_told(row, filename, digest), reason=reason))


def tell_requested(uow: UnitOfWork, row: PackagePublicationRow, file: PackageFile) -> None:
    """Wakes who looks through it."""
    _tell(uow, row, PackagePublicationRequested(**_told(row, file.named.filename, file.digest)))


def _told(row: PackagePublicationRow, filename: str, digest: str) -> dict[str, Any]:
    told = {"ecosystem": row.ecosystem, "name": row.name, "version": row.version_name}
    return told | {"filename": filename, "digest": digest}


def _tell(uow: UnitOfWork, row: PackagePublicationRow, event: Event) -> None:
    record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id, trace_id=row.trace_id)
