"""Statements of the machinery: idempotency, edges, processed deliveries, dead letters, uploads."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.queries.visible import visible
from storage.tables.operations import EdgeRow, IdempotencyRow, ProcessedRow, UploadRow
from storage.tables.scoped import now


def _c(kind: Any) -> Any:
    return kind.__table__.c


class OperationQueries:
    """Reads and marks of one tenant."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def outcome(self, identity_id: UUID, key: str) -> IdempotencyRow | None:
        """What was committed under a client's key."""
        c = _c(IdempotencyRow)
        statement = select(IdempotencyRow).where(
            c.tenant_id == self._access.tenant_id, c.identity_id == identity_id, c.key == key
        )
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def edges(self, ids: Sequence[UUID], *, downstream: bool) -> list[EdgeRow]:
        """Edges that leave (or reach) these nodes, as far as the access sees their project."""
        c = _c(EdgeRow)
        side = c.upstream_id if downstream else c.downstream_id
        statement = visible(self._access, EdgeRow).where(side.in_(ids))
        return list((await self._session.execute(statement)).scalars())

    async def is_processed(self, worker: str, delivery: str) -> bool:
        """Whether this worker's effect of the delivery is committed."""
        c = _c(ProcessedRow)
        statement = select(c.worker).where(
            c.tenant_id == self._access.tenant_id, c.worker == worker, c.delivery == delivery
        )
        return (await self._session.execute(statement)).first() is not None

    def mark_processed(self, worker: str, delivery: str) -> None:
        """Claims the delivery in this commit; a second claim is a UniqueViolation."""
        tenant_id = self._access.tenant_id
        self._session.add(ProcessedRow(tenant_id=tenant_id, worker=worker, delivery=delivery, created_at=now()))

    async def upload(self, digest: str) -> UploadRow | None:
        """The tenant's upload with this digest."""
        c = _c(UploadRow)
        statement = select(UploadRow).where(c.tenant_id == self._access.tenant_id, c.digest == digest)
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def keep_upload(self, digest: str, size: int, created_by: UUID) -> None:
        """Notes an upload; the same content again renews its 24 hours."""
        found = await self.upload(digest)
        if found is not None:
            found.created_at = now()
            return
        self._session.add(
            UploadRow(
                tenant_id=self._access.tenant_id, digest=digest, size=size, created_by=created_by, created_at=now()
            )
        )
