"""The hub on a real SQLite file: no gap and no duplicate from any cursor, whatever the ring holds."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL
from sqlmodel import SQLModel

from storage import event_log
from storage.access import Access, Cause, NewEvent
from storage.engine import Database, sqlite_url
from storage.event_log import EventFilter
from storage.hub import Hub, Lagged, Subscriber
from storage.unit_of_work import unit_of_work

TENANT, OTHER, MINE, ELSEWHERE = (UUID(int=number) for number in (1, 2, 3, 4))
ALL = EventFilter()
CAUSE = Cause(actor_id=None, on_behalf_of=None, trace_id="a" * 32, correlation_id="r", causation_id="r")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    database = Database(sqlite_url(folder / "slipway.db"))
    async with database._writer.begin() as connection:
        await connection.execution_options(slipway_access="system")
        await connection.run_sync(SQLModel.metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def write(database: Database, *kinds: str, tenant: UUID = TENANT, project: UUID | None = MINE) -> None:
    """One commit with an event of each type."""
    async with unit_of_work(database, Access(tenant_id=tenant), CAUSE) as uow:
        for kind in kinds:
            uow.append(
                NewEvent(
                    event_type=kind,
                    schema_version=1,
                    subject_type="Project",
                    subject_id=MINE,
                    project_id=project,
                    payload={},
                )
            )
        await uow.commit()


async def take(subscriber: Subscriber, until: int) -> list[int]:
    """What it is handed until its place is ``until``."""
    taken: list[int] = []
    while subscriber.sequence < until:
        async with asyncio.timeout(10):
            taken += [row.sequence for row in await subscriber.next()]
    return taken


async def idle(subscriber: Subscriber) -> list[int]:
    """What it is handed within a moment."""
    try:
        async with asyncio.timeout(0.1):
            return [row.sequence for row in await subscriber.next()]
    except TimeoutError:
        return []


both = pytest.mark.both_databases


@both
async def test_it_replays_and_goes_live(database: Database) -> None:
    hub = Hub(database)
    await write(database, "A", "A")
    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0) as subscriber:
        assert await take(subscriber, 2) == [1, 2]
        waiting = asyncio.create_task(take(subscriber, 3))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await write(database, "A")
        assert await waiting == [3]


async def test_its_place_moves_past_events_that_it_does_not_want(database: Database) -> None:
    hub = Hub(database)
    await write(database, "A")
    async with hub.subscribe(Access(tenant_id=TENANT), EventFilter(types=("B",)), after=0) as subscriber:
        assert await idle(subscriber) == []
        assert subscriber.sequence == 1
        await write(database, "A", "A")
        assert await idle(subscriber) == []
        assert subscriber.sequence == 3
        await write(database, "B")
        assert await take(subscriber, 4) == [4]


async def test_a_commit_of_this_process_reaches_its_subscribers_without_reading_the_table(database: Database) -> None:
    hub = Hub(database, poll_seconds=60)
    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0) as subscriber:
        assert await idle(subscriber) == []
        waiting = asyncio.create_task(subscriber.next())
        await asyncio.sleep(0)
        async with unit_of_work(database, Access(tenant_id=TENANT), CAUSE) as uow:
            uow.append(NewEvent(event_type="A", schema_version=1, subject_type="Project", subject_id=MINE, payload={}))
            (committed,) = await uow.commit()
        assert (await waiting)[0] is committed


@both
async def test_a_commit_of_another_process_is_found_by_the_poll(database: Database) -> None:
    hub = Hub(database, poll_seconds=0.05)
    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0) as subscriber:
        assert await idle(subscriber) == []
        neighbour = Database(database.url)
        await write(neighbour, "A")
        await neighbour.close()
        assert await take(subscriber, 1) == [1]


@both
async def test_a_limited_token_is_handed_its_projects_only_from_table_and_ring(database: Database) -> None:
    hub = Hub(database)
    limited = Access(tenant_id=TENANT, project_ids=(MINE,))
    await write(database, "A", project=ELSEWHERE)
    await write(database, "A", project=None)
    await write(database, "A")
    async with hub.subscribe(limited, ALL, after=0) as subscriber:
        assert await take(subscriber, 3) == [3]
        await write(database, "A", project=ELSEWHERE)
        await write(database, "A", project=None)
        await write(database, "A", tenant=OTHER)
        await write(database, "A")
        assert await take(subscriber, 6) == [6]


@both
async def test_a_live_subscriber_that_falls_behind_the_ring_is_told_where_to_resume(database: Database) -> None:
    hub = Hub(database, ring=3)
    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0) as subscriber:
        await write(database, "A")
        assert await take(subscriber, 1) == [1]
        for _ in range(5):
            await write(database, "A")
        async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=6) as witness:
            await write(database, "A")
            assert await take(witness, 7) == [7]
        with pytest.raises(Lagged) as lagged:
            await subscriber.next()
        assert lagged.value.sequence == 1
    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=1) as again:
        assert await take(again, 7) == [2, 3, 4, 5, 6, 7]


async def test_another_tenants_burst_neither_lags_nor_reaches_a_subscriber_at_its_head(database: Database) -> None:
    hub = Hub(database, ring=3)
    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0) as subscriber:
        await write(database, "A")
        assert await take(subscriber, 1) == [1]
        for _ in range(5):
            await write(database, "A", tenant=OTHER)
        assert await idle(subscriber) == []
        await write(database, "A")
        assert await take(subscriber, 2) == [2]


async def test_the_ring_keeps_its_bound(database: Database) -> None:
    hub = Hub(database, ring=3)
    async with hub.listening() as tail:
        for _ in range(9):
            await write(database, "A")
        taken = tail.wake_of(OTHER)
        await write(database, "A", tenant=OTHER)
        async with asyncio.timeout(10):
            await taken.wait()
        assert [row.sequence for row in tail._order] == [8, 9, 1]
        assert sorted(tail._rows) == [(TENANT, 8), (TENANT, 9), (OTHER, 1)]
        assert tail._heads == {TENANT: 9, OTHER: 1}


async def test_nothing_runs_while_nobody_listens(database: Database) -> None:
    hub = Hub(database)
    before = asyncio.all_tasks()
    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0):
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before


async def test_a_tail_that_breaks_ends_its_subscribers_and_the_next_one_starts_another(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(database, poll_seconds=0.05)

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0) as subscriber:
        with monkeypatch.context() as patched:
            patched.setattr(event_log, "tail", broken)
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(subscriber.next(), 10)
        async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0) as again:
            await write(database, "A")
            assert await take(again, 1) == [1]


async def test_a_listener_that_fails_fails_neither_the_commit_nor_the_others(database: Database) -> None:
    hub = Hub(database)
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))

    def fail(_: object) -> None:
        raise ZeroDivisionError("by zero")

    hub.listeners.extend([fail, lambda rows: told.append(rows[0].sequence)])
    async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=0) as subscriber:
        assert await idle(subscriber) == []
        await write(database, "A")
        assert await take(subscriber, 1) == [1]
    assert [str(one) for one in told] == ["by zero", "1"]


EVENTS = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from([MINE, ELSEWHERE, None])), max_size=16)


@settings(max_examples=25, deadline=None)
@given(
    before=EVENTS,
    during=EVENTS,
    ring=st.integers(1, 6),
    types=st.sampled_from([None, ("A",), ("B",)]),
    limited=st.booleans(),
    stops=st.lists(st.integers(0, 4), max_size=8),
    start=st.integers(0, 16),
)
def test_resuming_anywhere_hands_out_each_wanted_event_once_and_in_order(
    before: list[tuple[str, UUID | None]],
    during: list[tuple[str, UUID | None]],
    ring: int,
    types: tuple[str, ...] | None,
    limited: bool,
    stops: list[int],
    start: int,
) -> None:
    """A writer here and one in another process go on while a subscriber stops after so many events and resumes."""
    start = min(start, len(before))
    access = Access(tenant_id=TENANT, project_ids=(MINE,) if limited else None)

    async def run(folder: Path) -> tuple[list[int], list[tuple[int, str, UUID | None]]]:
        async with opened(folder) as database:
            hub = Hub(database, ring=ring, poll_seconds=0.05)
            for kind, project in before:
                await write(database, kind, project=project)
            neighbour = Database(database.url)
            halves = ((database, during[::2]), (neighbour, during[1::2]))
            writers = [asyncio.create_task(_write_all(*half)) for half in halves]
            taken = await _resuming(hub, access, EventFilter(types=types), start, len(before) + len(during), stops)
            await asyncio.gather(*writers)
            await neighbour.close()
            return taken, await _log_of(database)

    with tempfile.TemporaryDirectory() as folder:
        taken, log = asyncio.run(run(Path(folder)))
    assert taken == [
        sequence
        for sequence, kind, project in log
        if sequence > start and (types is None or kind in types) and (not limited or project == MINE)
    ]


async def _write_all(database: Database, events: list[tuple[str, UUID | None]]) -> None:
    for kind, project in events:
        await write(database, kind, project=project)
        await write(database, kind, tenant=OTHER)


async def _resuming(
    hub: Hub, access: Access, wanted: EventFilter, place: int, until: int, stops: list[int]
) -> list[int]:
    """A client that leaves after so many events of an answer and comes back, until it has seen everything."""
    taken: list[int] = []
    visits = iter(stops)
    while place < until:
        most = next(visits, 100)
        async with hub.subscribe(access, wanted, after=place) as subscriber:
            try:
                async with asyncio.timeout(0.05):
                    rows = await subscriber.next()
            except TimeoutError:
                place = subscriber.sequence
            except Lagged as lagged:
                place = lagged.sequence
            else:
                taken += [row.sequence for row in rows[:most]]
                place = subscriber.sequence if most >= len(rows) else rows[most - 1].sequence if most else place
    return taken


async def _log_of(database: Database) -> list[tuple[int, str, UUID | None]]:
    access = Access(tenant_id=TENANT)
    async with database.reading(access) as session:
        rows = await event_log.read(session, access, after=0, wanted=ALL, limit=100)
    return [(row.sequence, row.event_type, row.project_id) for row in rows]


@both
@pytest.mark.parametrize("ring", [10, 10_000])
async def test_four_hundred_subscribers_miss_nothing_of_concurrent_writers(database: Database, ring: int) -> None:
    hub = Hub(database, ring=ring)
    total = 60

    async def follow(start: int) -> list[int]:
        taken: list[int] = []
        place = start
        while place < total:
            async with hub.subscribe(Access(tenant_id=TENANT), ALL, after=place) as subscriber:
                try:
                    taken += await take(subscriber, total)
                    place = subscriber.sequence
                except Lagged as lagged:
                    place = lagged.sequence
        return taken

    await write(database, "A", "A")
    followers = [asyncio.create_task(follow(number % 3)) for number in range(400)]
    neighbour = Database(database.url)
    writers = [asyncio.create_task(_write_all(one, [("A", MINE)] * 29)) for one in (database, neighbour)]
    for number, taken in enumerate(await asyncio.gather(*followers)):
        assert taken == list(range(number % 3 + 1, total + 1))
    await asyncio.gather(*writers)
    await neighbour.close()
