"""What holds up the loop on SQLite, and what does not."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
from sqlalchemy import URL, func, literal, select
from sqlalchemy.exc import OperationalError

import storage.sqlite_driver
from storage.access import Access
from storage.engine import Database
from storage.errors import Unavailable
from storage.ids import new_id
from storage.tables.platform import ProjectRow

TENANT = new_id()


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def rival(tmp_path: Path) -> sqlite3.Connection:
    """Another process's connection, as far as SQLite can tell."""
    return sqlite3.connect(tmp_path / "slipway.db", isolation_level=None)


async def longest_pause(work: Awaitable[object]) -> float:
    """The seconds for which nothing else ran on the loop while the work was done."""
    task, longest = asyncio.ensure_future(work), 0.0
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    await task
    return longest


async def count_to(database: Database, most: int) -> int:
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < most))
    async with database.reading(Access(tenant_id=TENANT)) as session:
        return int((await session.execute(select(func.count()).select_from(numbers))).scalar_one())


async def add_project(database: Database, name: str) -> None:
    async with database.writing(Access(tenant_id=TENANT)) as session:
        session.add(ProjectRow(tenant_id=TENANT, name=name, display_name=name))
        await session.commit()


async def test_a_long_select_leaves_the_loop_to_others(database: Database) -> None:
    started = time.perf_counter()
    paused = await longest_pause(count_to(database, 3_000_000))
    took = time.perf_counter() - started
    assert took > 0.2
    assert paused < took / 2


async def test_a_long_select_answers_as_a_short_one(database: Database) -> None:
    assert [await count_to(database, most) for most in (1, 3_000_000, 2)] == [1, 3_000_000, 2]


async def test_a_loop_over_sessions_leaves_the_loop_to_others(database: Database) -> None:
    """Nothing in a short read waits, so each session's end lets the others have their turn."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    await count_to(database, 1)
    before = turns
    for _ in range(20):
        await count_to(database, 1)
    beside.cancel()
    assert turns - before >= 20


async def test_a_writer_waits_for_the_lock_and_the_loop_goes_on(database: Database, rival: sqlite3.Connection) -> None:
    await add_project(database, "first")
    rival.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(longest_pause(add_project(database, "booking")))
    await asyncio.sleep(0.3)
    assert not writing.done()
    rival.execute("COMMIT")
    assert await writing < 0.2
    assert rival.execute("SELECT name FROM projects ORDER BY id").fetchall() == [("first",), ("booking",)]
    rival.close()


async def test_a_lock_that_never_comes_is_told(
    database: Database, rival: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_project(database, "first")
    monkeypatch.setattr(storage.sqlite_driver, "LOCK_SECONDS", 0.1)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="database is locked"):
        await add_project(database, "booking")
    rival.execute("ROLLBACK")
    await add_project(database, "booking")
    rival.close()


async def test_many_rows_at_once_are_written(database: Database) -> None:
    async with database.writing(Access(tenant_id=TENANT)) as session:
        session.add_all(ProjectRow(tenant_id=TENANT, name=f"p{n}", display_name="") for n in range(250))
        await session.commit()
    async with database.reading(Access(tenant_id=TENANT)) as session:
        named = select(func.count()).select_from(ProjectRow).where(ProjectRow.tenant_id == TENANT)  # type: ignore[arg-type]
        assert (await session.execute(named)).scalar_one() == 250


async def test_a_reading_session_cannot_write(database: Database) -> None:
    async with database.reading(Access(tenant_id=TENANT)) as session:
        session.add(ProjectRow(tenant_id=TENANT, name="x", display_name="x"))
        with pytest.raises(OperationalError, match="readonly"):
            await session.flush()
