"""The canonical stream: dense per tenant, chained by hash, ordered by commit."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access, Cause, NewEvent
from storage.ids import new_id, public_id
from storage.queries.visible import visible
from storage.tables.operations import CursorRow, EventRow, LogHeadRow
from storage.tables.scoped import now

GENESIS = "0" * 64
_APPEND_LOCK = 0x51_1B_3A_7


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFilter:
    """Which events a reader wants; None is any."""

    types: tuple[str, ...] | None = None
    project_id: UUID | None = None
    module_id: UUID | None = None
    subject_id: UUID | None = None
    trace_id: str | None = None

    def matches(self, row: EventRow) -> bool:
        """The same answer as the SQL of ``read``, for events that are in memory."""
        wanted = (
            (self.project_id, row.project_id),
            (self.module_id, row.module_id),
            (self.subject_id, row.subject_id),
            (self.trace_id, row.trace_id),
        )
        return (self.types is None or row.event_type in self.types) and all(
            want is None or want == have for want, have in wanted
        )


def envelope(row: EventRow) -> dict[str, Any]:
    """The outward envelope without its hash, ids prefixed and times in RFC 3339 UTC."""

    def name(kind: str, value: UUID | None) -> str | None:
        return None if value is None else public_id(kind, value)

    return {
        "eventId": public_id("Event", row.event_id),
        "eventType": row.event_type,
        "schemaVersion": row.schema_version,
        "tenantId": public_id("Tenant", row.tenant_id),
        "sequence": row.sequence,
        "projectId": name("Project", row.project_id),
        "moduleId": name("Module", row.module_id),
        "subjectType": row.subject_type,
        "subjectId": public_id(row.subject_type, row.subject_id),
        "traceId": row.trace_id,
        "correlationId": row.correlation_id,
        "causationId": row.causation_id,
        "actor": name("Identity", row.actor_id),
        "onBehalfOf": name("Identity", row.on_behalf_of),
        "occurredAt": row.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "payload": row.payload,
        "prevHash": row.prev_hash,
    }


def chain_hash(row: EventRow) -> str:
    """SHA-256 over the envelope as JSON with sorted keys; prevHash is part of it."""
    return hashlib.sha256(orjson.dumps(envelope(row), option=orjson.OPT_SORT_KEYS)).hexdigest()


async def append(session: AsyncSession, access: Access, cause: Cause, events: Sequence[NewEvent]) -> list[EventRow]:
    """Numbers, hashes and inserts the events as the last statements before the commit."""
    if not events:
        return []
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(_APPEND_LOCK)))
    heads: dict[UUID, LogHeadRow] = {}
    rows = []
    for new in events:
        tenant = new.tenant_id or access.tenant_id
        head = heads.get(tenant)
        if head is None:
            head = heads[tenant] = await _head(session, tenant)
        row = _row(new, tenant, cause, head)
        row.hash = chain_hash(row)
        head.sequence, head.hash = row.sequence, row.hash
        rows.append(row)
    session.add_all(rows)
    await session.flush()
    return rows


async def _head(session: AsyncSession, tenant: UUID) -> LogHeadRow:
    found = (await session.execute(select(LogHeadRow).where(LogHeadRow.tenant_id == tenant))).scalar_one_or_none()  # type: ignore[arg-type]  # SQLModel types columns as values
    if found is None:
        found = LogHeadRow(tenant_id=tenant, sequence=0, hash=GENESIS)
        session.add(found)
    return found


def _row(new: NewEvent, tenant: UUID, cause: Cause, head: LogHeadRow) -> EventRow:
    return EventRow(
        event_id=new_id(),
        event_type=new.event_type,
        schema_version=new.schema_version,
        tenant_id=tenant,
        sequence=head.sequence + 1,
        project_id=new.project_id,
        module_id=new.module_id,
        subject_type=new.subject_type,
        subject_id=new.subject_id,
        trace_id=new.trace_id or cause.trace_id,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        actor_id=cause.actor_id,
        on_behalf_of=cause.on_behalf_of,
        occurred_at=now(),
        payload=new.payload,
        prev_hash=head.hash,
        hash="",
    )


def _columns() -> Any:
    return EventRow.__table__.c  # type: ignore[attr-defined]  # SQLModel hides the table from the type checker


async def read(
    session: AsyncSession,
    access: Access,
    *,
    after: int,
    wanted: EventFilter,
    limit: int,
    through: int | None = None,
) -> list[EventRow]:
    """A tenant's events with a sequence over ``after``, oldest first, as far as the access sees."""
    c = _columns()
    statement = visible(access, EventRow).where(c.sequence > after).order_by(c.sequence).limit(limit)
    if through is not None:
        statement = statement.where(c.sequence <= through)
    if wanted.types is not None:
        statement = statement.where(c.event_type.in_(wanted.types))
    for column in ("project_id", "module_id", "subject_id", "trace_id"):
        value = getattr(wanted, column)
        if value is not None:
            statement = statement.where(c[column] == value)
    return list((await session.execute(statement)).scalars())


async def page(
    session: AsyncSession, access: Access, *, after: int, wanted: EventFilter, limit: int
) -> tuple[list[EventRow], int]:
    """As ``read``, and the sequence up to which nothing more is wanted: the head when the page is not full."""
    head = await last_sequence(session, access.tenant_id)
    rows = await read(session, access, after=after, wanted=wanted, limit=limit, through=head)
    return rows, rows[-1].sequence if len(rows) == limit else max(after, head)


async def by_ids(session: AsyncSession, access: Access, ids: Sequence[UUID]) -> list[EventRow]:
    """These events in the order of the stream, as far as the access sees."""
    c = _columns()
    statement = visible(access, EventRow).where(c.event_id.in_(ids)).order_by(c.sequence)
    return list((await session.execute(statement)).scalars())


async def tail(session: AsyncSession, *, after: int, limit: int) -> list[EventRow]:
    """Every tenant's events over a global position; for the log's own tails, in the system role."""
    c = _columns()
    statement = select(EventRow).where(c.position > after).order_by(c.position).limit(limit)
    return list((await session.execute(statement)).scalars())


async def subjects(session: AsyncSession, kinds: Sequence[str], *, after: int) -> set[UUID]:
    """What the events over a global position are about, of these types and any tenant; in the system role."""
    c = _columns()
    statement = select(c.subject_id).where(c.position > after, c.subject_type.in_(kinds))
    return set((await session.execute(statement)).scalars())


async def last_position(session: AsyncSession) -> int:
    """The newest global position, 0 in an empty log; in the system role."""
    return int((await session.execute(select(func.max(_columns().position)))).scalar() or 0)


async def last_sequence(session: AsyncSession, tenant: UUID) -> int:
    """The newest sequence of a tenant, 0 when it has no events."""
    c = LogHeadRow.__table__.c  # type: ignore[attr-defined]  # as above
    return int((await session.execute(select(c.sequence).where(c.tenant_id == tenant))).scalar() or 0)


async def verify_chain(session: AsyncSession, access: Access, *, batch: int = 500) -> int:
    """The number of events of the tenant; ValueError names the first that breaks density or the chain."""
    after, previous = 0, GENESIS
    while rows := await read(session, access, after=after, wanted=EventFilter(), limit=batch):
        for row in rows:
            if row.sequence != after + 1:
                raise ValueError(f"sequence {after + 1} is missing before {row.sequence}")
            if row.prev_hash != previous or chain_hash(row) != row.hash:
                raise ValueError(f"event {row.sequence} does not match its hash")
            after, previous = row.sequence, row.hash
    return after


async def by_id(session: AsyncSession, event_id: UUID) -> EventRow:
    """One event of any tenant; for the log's own tails, in the system role."""
    found: EventRow = (await session.execute(select(EventRow).where(_columns().event_id == event_id))).scalar_one()
    return found


async def cursors(session: AsyncSession) -> dict[str, int]:
    """The position that each worker was handed last; a new one has none; in the system role."""
    return {row.worker: row.position for row in (await session.execute(select(CursorRow))).scalars()}


async def move_cursor(session: AsyncSession, worker: str, *, old: int, new: int) -> None:
    """Compares and sets, so that of two dispatchers one moves it; in the system role."""
    row = await session.get(CursorRow, worker, with_for_update=True)
    if row is None:
        session.add(CursorRow(worker=worker, position=new))
    elif row.position == old:
        row.position = new
