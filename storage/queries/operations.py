"""Statements of the machinery: idempotency, processed deliveries, dead letters."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.errors import UniqueViolation
from storage.queries.visible import visible
from storage.tables.operations import (
    DeadLetterRow,
    ExecutionRow,
    IdempotencyRow,
    ProcessedRow,
    ProgressRow,
)
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

    async def is_processed(self, worker: str, delivery: str) -> bool:
        """Whether this worker's effect of the delivery is committed."""
        c = _c(ProcessedRow)
        statement = select(c.worker).where(
            c.tenant_id == self._access.tenant_id, c.worker == worker, c.delivery == delivery
        )
        return (await self._session.execute(statement)).first() is not None

    def mark_processed(self, worker: str, delivery: str, began_at: datetime) -> None:
        """Claims the delivery in this commit; a second claim is a UniqueViolation."""
        tenant_id = self._access.tenant_id
        row = ProcessedRow(tenant_id=tenant_id, worker=worker, delivery=delivery, began_at=began_at, created_at=now())
        self._session.add(row)

    async def forget_processed(self, worker: str, delivery: str) -> None:
        """Lets the delivery take effect once more."""
        c = _c(ProcessedRow)
        mine = (c.tenant_id == self._access.tenant_id, c.worker == worker, c.delivery == delivery)
        await self._session.execute(delete(ProcessedRow).where(*mine))

    async def hold(self, worker: str, delivery: str, token: int) -> bool:
        """Makes the token the delivery's newest; False when a newer execution holds it."""
        row = await self._execution(worker, delivery)
        if row is None:
            tenant_id = self._access.tenant_id
            self._session.add(ExecutionRow(tenant_id=tenant_id, worker=worker, delivery=delivery, token=token))
            try:
                await self._session.flush()
            except IntegrityError as error:
                raise UniqueViolation("executions") from error
            return True
        if row.token > token:
            return False
        row.token = token
        return True

    async def release(self, worker: str, delivery: str, token: int) -> bool:
        """Forgets a delivery's progress, which is over; False when a newer execution holds it."""
        row = await self._execution(worker, delivery)
        if row is None:
            return True
        if row.token > token:
            return False
        await self._session.delete(row)
        c = _c(ProgressRow)
        mine = (c.tenant_id == self._access.tenant_id, c.worker == worker, c.delivery == delivery)
        await self._session.execute(delete(ProgressRow).where(*mine))
        return True

    async def token(self, worker: str, delivery: str) -> int:
        """The newest execution's token, 0 when none made progress."""
        c = _c(ExecutionRow)
        mine = (c.tenant_id == self._access.tenant_id, c.worker == worker, c.delivery == delivery)
        return int((await self._session.execute(select(c.token).where(*mine))).scalar() or 0)

    async def _execution(self, worker: str, delivery: str) -> ExecutionRow | None:
        c = _c(ExecutionRow)
        mine = (c.tenant_id == self._access.tenant_id, c.worker == worker, c.delivery == delivery)
        statement = select(ExecutionRow).where(*mine).with_for_update()
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def has_progressed(self, worker: str, delivery: str, key: str) -> bool:
        """Whether this unit of the delivery's work is committed."""
        c = _c(ProgressRow)
        mine = (c.tenant_id == self._access.tenant_id, c.worker == worker, c.delivery == delivery, c.key == key)
        return (await self._session.execute(select(c.key).where(*mine))).first() is not None

    def mark_progressed(self, worker: str, delivery: str, key: str) -> None:
        """Claims this unit of the delivery's work in this commit."""
        tenant_id = self._access.tenant_id
        self._session.add(ProgressRow(tenant_id=tenant_id, worker=worker, delivery=delivery, key=key))

    async def dead_letter(self, worker: str, delivery: str) -> DeadLetterRow | None:
        """The dead letter of the delivery, open or replayed."""
        c = _c(DeadLetterRow)
        statement = visible(self._access, DeadLetterRow).where(c.worker == worker, c.delivery == delivery)
        found: DeadLetterRow | None = (await self._session.execute(statement)).scalar_one_or_none()
        return found
