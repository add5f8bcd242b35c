"""The log under writers at once, failing commits and forgery, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Engine, delete, func, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from storage import event_log
from storage.access import Access, Cause, IdempotencyKey, NewEdge, NewEvent
from storage.engine import Database
from storage.errors import UniqueViolation
from storage.ids import new_id
from storage.tables.operations import EdgeRow, EventRow, IdempotencyRow, LogHeadRow
from storage.tables.platform import ProjectRow
from storage.unit_of_work import UnitOfWork, unit_of_work

pytestmark = pytest.mark.both_databases
EVENTS: Any = inspect(EventRow).local_table
PROJECTS: Any = inspect(ProjectRow).local_table
HEADS: Any = inspect(LogHeadRow).local_table
TAMPERED = sorted({column.name for column in EVENTS.c} - {"position"})


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


def cause(correlation: str = "req-1") -> Cause:
    return Cause(
        actor_id=new_id(),
        on_behalf_of=new_id(),
        trace_id="a" * 32,
        correlation_id=correlation,
        causation_id=correlation,
    )


def told(tenant: UUID | None = None) -> NewEvent:
    return NewEvent(
        event_type="ProjectCreated",
        schema_version=1,
        subject_type="Project",
        subject_id=new_id(),
        project_id=new_id(),
        module_id=new_id(),
        payload={"name": "booking", "sizes": [1, 2.5, None], "é": "ü"},
        tenant_id=tenant,
    )


async def everything(database: Database) -> list[EventRow]:
    async with database.reading(None) as session:
        return await event_log.tail(session, after=0, limit=10_000)


async def verified(database: Database, tenant: UUID) -> int:
    access = Access(tenant_id=tenant)
    async with database.reading(access) as session:
        return await event_log.verify_chain(session, access, batch=3)


async def write(database: Database, tenants: tuple[UUID, ...], count: int, *, pause: float = 0.0) -> str:
    correlation = f"req-{new_id().hex}"
    access = Access(tenant_id=tenants[0], also=tenants[1:])
    async with unit_of_work(database, access, cause(correlation)) as uow:
        await uow.rows.add(ProjectRow(tenant_id=tenants[0], name=new_id().hex, display_name=""))
        await asyncio.sleep(pause)
        for number in range(count):
            uow.append(told(tenants[number % len(tenants)]))
        await uow.commit()
    return correlation


async def test_a_tail_misses_nothing_of_writers_at_once(database: Database) -> None:
    tenants = [new_id() for _ in range(8)]
    seen: list[EventRow] = []
    done = asyncio.Event()

    async def follow() -> None:
        while True:
            ended = done.is_set()
            async with database.reading(None) as session:
                after = seen[-1].position if seen else 0
                found = await event_log.tail(session, after=after or 0, limit=7)
            seen.extend(found)
            if ended and not found:
                return

    async def writer(tenant: UUID) -> None:
        for turn in range(20):
            await write(database, (tenant,), 2, pause=0.001 * (turn % 3))

    tail = asyncio.create_task(follow())
    await asyncio.gather(*(writer(tenant) for tenant in tenants))
    done.set()
    await tail
    assert [row.position for row in seen] == [row.position for row in await everything(database)]
    assert [await verified(database, tenant) for tenant in tenants] == [40] * 8


Spoil = Callable[[Engine, UUID], None]
Unit = tuple[tuple[int, ...], int, float, str]
UNITS: st.SearchStrategy[list[Unit]] = st.lists(
    st.tuples(
        st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True).map(tuple),
        st.integers(1, 4),
        st.sampled_from([0.0, 0.001, 0.004]),
        st.sampled_from(["commit", "commit", "abandon", "clash"]),
    ),
    min_size=1,
    max_size=8,
)


async def carry(database: Database, tenants: list[UUID], unit: Unit) -> str | None:
    """The unit's correlation id when it committed."""
    places, count, pause, ending = unit
    mine = tuple(tenants[place] for place in places)
    if ending == "commit":
        return await write(database, mine, count, pause=pause)
    async with unit_of_work(database, Access(tenant_id=mine[0], also=mine[1:]), cause()) as uow:
        await asyncio.sleep(pause)
        for number in range(count):
            uow.append(told(mine[number % len(mine)]))
        if ending == "clash":
            uow.rows.put(ProjectRow(tenant_id=mine[0], name="taken", display_name=""))
            with pytest.raises(UniqueViolation, match="uq_projects_name"):
                await uow.commit()
    return None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(units=UNITS)
async def test_any_interleaving_leaves_dense_whole_chains_in_commit_order(
    database: Database, units: list[Unit]
) -> None:
    tenants = [new_id() for _ in range(3)]
    for tenant in tenants:
        async with unit_of_work(database, Access(tenant_id=tenant), cause()) as uow:
            uow.rows.put(ProjectRow(tenant_id=tenant, name="taken", display_name=""))
            await uow.commit()
    committed = [one for one in await asyncio.gather(*(carry(database, tenants, unit) for unit in units)) if one]
    rows = [row for row in await everything(database) if row.tenant_id in tenants]
    assert len(rows) == sum(unit[1] for unit in units if unit[3] == "commit")
    for tenant in tenants:
        own = [row.sequence for row in rows if row.tenant_id == tenant]
        assert own == list(range(1, len(own) + 1))
        assert await verified(database, tenant) == len(own)
    assert sorted(name for name, _ in groupby(rows, lambda row: row.correlation_id)) == sorted(committed)


def fail_at_the_flush(outside: Engine, tenant: UUID) -> None:
    with outside.begin() as connection:
        clash = ProjectRow(tenant_id=tenant, name="booking", display_name="")
        connection.execute(
            PROJECTS.insert().values({column.name: getattr(clash, column.name) for column in PROJECTS.c})
        )


def fail_at_the_events(outside: Engine, tenant: UUID) -> None:
    with outside.begin() as connection:
        connection.execute(HEADS.update().where(HEADS.c.tenant_id == tenant).values(sequence=0))


def fail_at_the_commit(outside: Engine, tenant: UUID) -> None:
    """A constraint that is looked at only then."""
    deferred = "CREATE TABLE late (id INTEGER REFERENCES early (id) DEFERRABLE INITIALLY DEFERRED)"
    with outside.begin() as connection:
        connection.execute(text("CREATE TABLE early (id INTEGER PRIMARY KEY)"))
        connection.execute(text(deferred))
        if outside.dialect.name == "sqlite":
            late = "CREATE TRIGGER too_late AFTER INSERT ON events BEGIN INSERT INTO late VALUES (1); END"
            connection.execute(text(late))
            return
        connection.execute(text("GRANT INSERT ON late TO slipway_app"))
        body = "BEGIN INSERT INTO late VALUES (1); RETURN NULL; END"
        connection.execute(text(f"CREATE FUNCTION too_late() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"))
        late = "CREATE TRIGGER too_late AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION too_late()"
        connection.execute(text(late))


def mend(outside: Engine, tenant: UUID) -> None:
    with outside.begin() as connection:
        on = "" if outside.dialect.name == "sqlite" else " ON events"
        connection.execute(text(f"DROP TRIGGER IF EXISTS too_late{on}"))
        connection.execute(text("DROP TABLE IF EXISTS late"))
        connection.execute(text("DROP TABLE IF EXISTS early"))
        if on:
            connection.execute(text("DROP FUNCTION IF EXISTS too_late()"))
        connection.execute(PROJECTS.delete().where(PROJECTS.c.display_name == ""))
        connection.execute(HEADS.update().where(HEADS.c.tenant_id == tenant).values(sequence=2))


async def counts(database: Database) -> list[int]:
    """Rows, events, edges and keys that stand."""
    async with database.reading(None) as session:
        return [
            (await session.execute(select(func.count()).select_from(kind))).scalar_one()
            for kind in (ProjectRow, EventRow, EdgeRow, IdempotencyRow)
        ]


async def one_of_each(database: Database, tenant: UUID, key: str, name: str) -> list[EventRow]:
    async with unit_of_work(database, Access(tenant_id=tenant), cause()) as uow:
        row = ProjectRow(tenant_id=tenant, name=name, display_name="kept")
        uow.rows.put(row)
        uow.append(told())
        uow.append(told())
        ends = (("Project", row.id), ("Project", new_id()))
        uow.link(NewEdge(kind="MERGED_AS", upstream=ends[0], downstream=ends[1], project_id=row.id))
        uow.remember(IdempotencyKey(identity_id=UUID(int=7), key=key, body_hash="h"), "Project", row.id)
        return await uow.commit()


@pytest.mark.parametrize(
    ("spoil", "error", "told"),
    [
        (fail_at_the_flush, UniqueViolation, "uq_projects_name"),
        (fail_at_the_events, UniqueViolation, "uq_events_sequence"),
        (fail_at_the_commit, IntegrityError, "(?i)foreign key constraint"),
    ],
)
async def test_a_failing_commit_leaves_nothing_and_no_gap(
    database: Database, outside: Engine, spoil: Spoil, error: type[Exception], told: str
) -> None:
    """Neither row nor event nor edge nor key nor number: repeated, the command is the first of its key."""
    tenant = new_id()
    await one_of_each(database, tenant, "before", "first")
    spoil(outside, tenant)
    try:
        with pytest.raises(error, match=told):
            await one_of_each(database, tenant, "key", "booking")
    finally:
        mend(outside, tenant)
    assert await counts(database) == [1, 2, 1, 1]
    assert [row.sequence for row in await one_of_each(database, tenant, "key", "booking")] == [3, 4]
    assert await verified(database, tenant) == 4
    assert await counts(database) == [2, 4, 2, 2]


async def test_a_key_that_another_took_leaves_nothing_of_the_second(database: Database) -> None:
    tenant = new_id()
    await one_of_each(database, tenant, "same", "first")
    with pytest.raises(UniqueViolation, match="idempotency_pkey"):
        await one_of_each(database, tenant, "same", "second")
    assert await verified(database, tenant) == 2
    async with database.reading(Access(tenant_id=tenant)) as session:
        assert await UnitOfWork(session, Access(tenant_id=tenant), cause()).rows.count(ProjectRow, ()) == 1


def forged(column: str, row: EventRow) -> Any:
    value = getattr(row, column)
    if column == "subject_type":
        return "Repository"
    if isinstance(value, UUID):
        return new_id()
    if isinstance(value, int):
        return value + 40
    if isinstance(value, dict):
        return value | {"name": "forged"}
    return value + timedelta(microseconds=1) if column == "occurred_at" else f"{value[:-1]}x"


@pytest.mark.parametrize("column", TAMPERED)
async def test_a_changed_field_is_found_where_it_was_changed(database: Database, outside: Engine, column: str) -> None:
    tenant = new_id()
    await write(database, (tenant,), 6)
    rows = await everything(database)
    value = forged(column, rows[3])
    with outside.begin() as connection:
        connection.execute(update(EVENTS).where(EVENTS.c.position == rows[3].position).values({column: value}))
    place = "sequence 4 is missing" if column in {"sequence", "tenant_id"} else "event 4 does not match its hash"
    with pytest.raises(ValueError, match=place):
        await verified(database, tenant)


@pytest.mark.parametrize(
    ("gone", "place"), [(0, "sequence 1 is missing"), (2, "sequence 3"), (5, "ends at 5, not at 6")]
)
async def test_a_removed_event_is_missed(database: Database, outside: Engine, gone: int, place: str) -> None:
    tenant = new_id()
    await write(database, (tenant,), 6)
    rows = await everything(database)
    with outside.begin() as connection:
        connection.execute(delete(EVENTS).where(EVENTS.c.position == rows[gone].position))
    with pytest.raises(ValueError, match=place):
        await verified(database, tenant)


async def test_two_events_that_changed_places_are_found(database: Database, outside: Engine) -> None:
    tenant = new_id()
    await write(database, (tenant,), 4)
    second, third = (await everything(database))[1:3]
    with outside.begin() as connection:
        for row, sequence in ((second, 99), (third, 2), (second, 3)):
            where = EVENTS.c.position == row.position
            connection.execute(update(EVENTS).where(where).values(sequence=sequence))
    with pytest.raises(ValueError, match="event 2 does not match its hash"):
        await verified(database, tenant)
