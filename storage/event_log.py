"""The canonical stream: dense per tenant, chained by hash, ordered by commit."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, bindparam, func, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, configure_mappers

from storage.access import Access, Cause, NewEvent
from storage.ids import public_id
from storage.queries.visible import visible
from storage.tables.operations import CursorRow, EventRow, LogHeadRow
from storage.tables.scoped import now
from storage.upserts import insert_or_update

GENESIS = "0" * 64
_APPEND_LOCK = 0x51_1B_3A_7
FEW = 8
configure_mappers()  # events are made without their constructor, which would have done so
_EVENTS: Any = inspect(EventRow)
_COLUMNS = tuple(column.name for column in _EVENTS.local_table.c if column.name != "position")
_INSERT = insert(_EVENTS.local_table)
_HEADS: Any = inspect(LogHeadRow).local_table
_HEAD = select(_HEADS.c.sequence, _HEADS.c.hash).where(_HEADS.c.tenant_id == bindparam("tenant"))
_MOVE_HEAD = insert_or_update(LogHeadRow, ("sequence", "hash"))


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
        return (
            (self.types is None or row.event_type in self.types)
            and (self.project_id is None or self.project_id == row.project_id)
            and (self.module_id is None or self.module_id == row.module_id)
            and (self.subject_id is None or self.subject_id == row.subject_id)
            and (self.trace_id is None or self.trace_id == row.trace_id)
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


def append(session: Session, access: Access, cause: Cause, events: Sequence[tuple[UUID, NewEvent]]) -> list[EventRow]:
    """Numbers, hashes and inserts the events, each under its id, as the last statements before the commit."""
    if not events:
        return []
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_APPEND_LOCK)))
    heads: dict[UUID, tuple[int, str]] = {}
    rows = []
    for event_id, new in events:
        tenant = new.tenant_id or access.tenant_id
        sequence, previous = heads.get(tenant) or _head(connection, tenant)
        row = _row(event_id, new, tenant, cause, sequence + 1, previous)
        heads[tenant] = (row.sequence, row.hash)
        rows.append(row)
    _insert(connection, rows)
    moved = [{"tenant_id": tenant, "sequence": head[0], "hash": head[1]} for tenant, head in heads.items()]
    connection.execute(_MOVE_HEAD[connection.dialect.name], moved)
    return rows


def _insert(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Many in one statement, whose positions are read after it."""
    values = [{name: getattr(row, name) for name in _COLUMNS} for row in rows]
    if len(rows) <= FEW:
        for row, value in zip(rows, values, strict=True):
            stored = connection.execute(_INSERT, value)
            row.__dict__["position"] = (stored.inserted_primary_key or (None,))[0]
        return
    connection.execute(_INSERT, values)
    c = _EVENTS.local_table.c
    for tenant in {row.tenant_id for row in rows}:
        mine = {row.sequence: row for row in rows if row.tenant_id == tenant}
        placed = select(c.sequence, c.position).where(c.tenant_id == tenant, c.sequence >= min(mine))
        for sequence, position in connection.execute(placed):
            mine[sequence].__dict__["position"] = position


def _head(connection: Connection, tenant: UUID) -> tuple[int, str]:
    found = connection.execute(_HEAD, {"tenant": tenant}).first()
    return (0, GENESIS) if found is None else (found[0], found[1])


def _row(event_id: UUID, new: NewEvent, tenant: UUID, cause: Cause, sequence: int, previous: str) -> EventRow:
    """Made as a loaded row is: the ORM does not watch it, for it is never changed."""
    row: EventRow = _EVENTS.class_manager.new_instance()
    row.__dict__.update(
        event_id=event_id,
        event_type=new.event_type,
        schema_version=new.schema_version,
        tenant_id=tenant,
        sequence=sequence,
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
        prev_hash=previous,
    )
    row.__dict__["hash"] = chain_hash(row)
    return row


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
    c = _EVENTS.local_table.c
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
    c = _EVENTS.local_table.c
    statement = visible(access, EventRow).where(c.event_id.in_(ids)).order_by(c.sequence)
    return list((await session.execute(statement)).scalars())


async def tail(session: AsyncSession, *, after: int, limit: int) -> list[EventRow]:
    """Every tenant's events over a global position; for the log's own tails, in the system role."""
    c = _EVENTS.local_table.c
    statement = select(EventRow).where(c.position > after).order_by(c.position).limit(limit)
    return list((await session.execute(statement)).scalars())


async def subjects(session: AsyncSession, kinds: Sequence[str], *, after: int) -> set[UUID]:
    """What the events over a global position are about, of these types and any tenant; in the system role."""
    c = _EVENTS.local_table.c
    statement = select(c.subject_id).where(c.position > after, c.subject_type.in_(kinds))
    return set((await session.execute(statement)).scalars())


async def last_position(session: AsyncSession) -> int:
    """The newest global position, 0 in an empty log; in the system role."""
    return int((await session.execute(select(func.max(_EVENTS.local_table.c.position)))).scalar() or 0)


async def last_sequence(session: AsyncSession, tenant: UUID) -> int:
    """The newest sequence of a tenant, 0 when it has no events."""
    return int((await session.execute(select(_HEADS.c.sequence).where(_HEADS.c.tenant_id == tenant))).scalar() or 0)


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
    head = (await session.execute(_HEAD, {"tenant": access.tenant_id})).first() or (0, GENESIS)
    if (after, previous) != tuple(head):
        raise ValueError(f"the log ends at {after}, not at {head[0]}")
    return after


async def by_id(session: AsyncSession, event_id: UUID) -> EventRow:
    """One event of any tenant; for the log's own tails, in the system role."""
    found: EventRow = (
        await session.execute(select(EventRow).where(_EVENTS.local_table.c.event_id == event_id))
    ).scalar_one()
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
