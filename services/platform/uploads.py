"""UploadService: content that waits a day to be used, within the tenant and, for limited tokens, within a project."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from providers.blobs.store import Blob
from services.actor import Actor, Scope
from services.errors import InvalidInput, NotFound, QuotaExceeded, absent
from storage.tables.platform import ProjectRow
from storage.tables.scoped import now
from storage.unit_of_work import UnitOfWork

KEPT: Final = timedelta(hours=24)


class UploadService:
    """Owns uploads; the blob store holds their content."""

    def __init__(self, *, most_bytes: int) -> None:
        self.most_bytes = most_bytes

    async def authorise(self, uow: UnitOfWork, actor: Actor, project: str | None) -> UUID:
        """The id of the project that the upload is for, or of the tenant for all of them."""
        actor.require(Scope.REPOSITORIES_WRITE)
        if project is None:
            if actor.project_ids is None:
                return actor.tenant_id
            raise InvalidInput(
                "your token is limited to projects: say which one the upload is for",
                field="project",
                help="POST /uploads?project=NAME",
            )
        row = await uow.rows.find(ProjectRow, name=project)
        if row is None:
            raise absent("project", project, field="project")
        return row.id

    async def room(self, uow: UnitOfWork) -> int:
        """How many bytes the tenant may still keep, over all its projects."""
        left = self.most_bytes - await uow.uploads.bytes(now() - KEPT)
        if left <= 0:
            raise full(self.most_bytes)
        return left

    async def keep(self, uow: UnitOfWork, actor: Actor, project_id: UUID, blob: Blob) -> datetime:
        """When it expires; the same content again is kept anew."""
        return await uow.uploads.keep(project_id, blob.key.digest, blob.size, actor.identity_id) + KEPT


async def waiting(
    uow: UnitOfWork, project_id: UUID, digests: Iterable[str], *, field: str = "changes"
) -> dict[str, int]:
    """The size of each upload that a command in the project may use."""
    wanted = list(dict.fromkeys(digests))
    found = await uow.uploads.waiting((project_id, uow.tenant_id), wanted, now() - KEPT) if wanted else {}
    for digest in wanted:
        if digest not in found:
            raise gone(digest, field)
    return found


def gone(digest: str, field: str = "changes") -> NotFound:
    """The one wording for what was never uploaded, has expired, or is out of sight."""
    return NotFound(
        f"upload {digest!r} does not exist, has expired or is out of your sight",
        field=field,
        help="POST /uploads with the content again: it is kept 24 hours, for its project",
    )


def full(most: int) -> QuotaExceeded:
    """Uploads go after a day."""
    return QuotaExceeded(f"the tenant's uploads are at the limit of {most:,} bytes: they go 24 hours after they came")
