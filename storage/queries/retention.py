"""What is removed after its time, a batch a transaction; in the system role."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables.operations import DeadLetterRow, IdempotencyRow, ProcessedRow, UploadRow
from storage.tables.registry import RegistryBlobRow, RegistryReferenceRow, RegistryUploadRow


async def drop_idempotency(session: AsyncSession, before: datetime, limit: int) -> int:
    """Outcomes of clients' keys."""
    return await _drop(session, IdempotencyRow, IdempotencyRow.created_at < before, limit)


async def drop_ticks(session: AsyncSession, before: datetime, limit: int) -> int:
    """Claims of ticks, whose rows' due times have long moved on; the pattern is literal so that its index serves."""
    c: Any = ProcessedRow
    wanted = c.delivery.like(literal_column("'tick:%'")) & (c.created_at < before)
    return await _drop(session, ProcessedRow, wanted, limit)


async def drop_replayed(session: AsyncSession, before: datetime, limit: int) -> int:
    """Dead letters that were handed out again and did not come back."""
    c: Any = DeadLetterRow
    return await _drop(session, DeadLetterRow, (c.status == "REPLAYED") & (c.updated_at < before), limit)


async def drop_uploads(session: AsyncSession, before: datetime, limit: int) -> int:
    """What was uploaded and not renewed; the content goes by the sweep of blobs."""
    c: Any = UploadRow
    return await _drop(session, UploadRow, c.created_at < before, limit)


async def drop_registry_uploads(session: AsyncSession, before: datetime, limit: int) -> int:
    """What was begun and never ended; the files go by their own sweep."""
    c: Any = RegistryUploadRow
    return await _drop(session, RegistryUploadRow, c.created_at < before, limit)


async def drop_registry_blobs(session: AsyncSession, before: datetime, limit: int) -> int:
    """What no manifest of its repository names; one that a manifest came to need meanwhile is younger, and stays."""
    c: Any = RegistryBlobRow
    r: Any = RegistryReferenceRow
    mine = (r.tenant_id == c.tenant_id) & (r.project_id == c.project_id) & (r.repository == c.repository)
    unused = (c.created_at < before) & ~exists().where(mine & (r.blob == c.digest))
    return await _drop(session, RegistryBlobRow, unused, limit, still=c.created_at < before)


async def _drop(session: AsyncSession, kind: Any, wanted: Any, limit: int, *, still: Any = True) -> int:
    """``still`` is asked again of each row when it goes."""
    key = tuple_(*kind.__table__.primary_key.columns)
    some = select(*kind.__table__.primary_key.columns).where(wanted).limit(limit)
    result: Any = await session.execute(delete(kind.__table__).where(key.in_(some), still))
    await session.commit()
    return int(result.rowcount)
