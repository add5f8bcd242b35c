"""Statements over uploads: what waits to be used, how much of it, and which blobs are referred to at all."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from storage.access import Access
from storage.queries.packages import filed
from storage.queries.visible import visible
from storage.tables.operations import UploadRow
from storage.tables.pipelines import BuildArtifactRow
from storage.tables.scoped import now
from storage.upserts import insert_or_update

_REFERRING: Final = (UploadRow, BuildArtifactRow)
_KEEP: Final = insert_or_update(UploadRow, ("size", "created_by", "created_at"))


def _keep(session: Session, row: dict[str, object]) -> None:
    connection = session.connection()
    connection.execute(_KEEP[connection.dialect.name], [row])


class UploadQueries:
    """Reads and notes of one tenant."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def keep(self, project_id: UUID, digest: str, size: int, created_by: UUID) -> datetime:
        """Notes an upload; the same content again is kept from now. Answers that time."""
        at = now()
        row = {"tenant_id": self._access.tenant_id, "project_id": project_id, "digest": digest}
        row |= {"size": size, "created_by": created_by, "created_at": at}
        await self._session.run_sync(_keep, row)
        return at

    async def waiting(self, project_ids: Sequence[UUID], digests: Sequence[str], since: datetime) -> dict[str, int]:
        """The size of each of these that came since then, for one of the projects."""
        c: Any = UploadRow
        statement = visible(self._access, UploadRow, c.digest, c.size).where(
            c.project_id.in_(project_ids), c.digest.in_(digests), c.created_at >= since
        )
        return dict((await self._session.execute(statement)).all())

    async def bytes(self, since: datetime) -> int:
        """How much came since then and is kept."""
        c: Any = UploadRow
        statement = visible(self._access, UploadRow, func.sum(c.size)).where(c.created_at >= since)
        return int((await self._session.execute(statement)).scalar() or 0)


async def referred_to(session: AsyncSession, keys: Sequence[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Those of these (tenant, digest) that any row refers to; in the system role, for the sweep of blobs."""
    found: set[tuple[UUID, str]] = set()
    for kind in _REFERRING:
        c: Any = kind
        statement = select(c.tenant_id, c.digest).where(tuple_(c.tenant_id, c.digest).in_(keys)).distinct()
        found |= {(tenant_id, digest) for tenant_id, digest in await session.execute(statement)}
    return found | await filed(session, keys)
