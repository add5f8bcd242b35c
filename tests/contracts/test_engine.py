"""What was measured of the durable engine and is relied on, on SQLite and PostgreSQL; see ``docs/architecture.md``."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS, SetWorkflowID
from dbos._dbos import _get_dbos_instance
from sqlalchemy import URL

from storage.engine import sqlite_url
from tests.contracts.engines import DIES, ENDS, HANGS, EngineProcess, Journal, Stored, until
from workers import engine as engines
from workers.engine import STARTS, Dead, DurableEngine

pytestmark = pytest.mark.both_databases
Following = tuple[int, float] | None


class Carrier:
    """What the engine runs: by default it ends at once."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, int]] = []
        self.ends: list[tuple[str, int]] = []
        self.act: Callable[[str, int], Awaitable[Following]] = self.end

    async def end(self, delivery: str, attempt: int) -> Following:
        return None

    async def run(self, worker: str, delivery: str, attempt: int) -> Following:
        self.starts.append((delivery, attempt))
        following = await self.act(delivery, attempt)
        self.ends.append((delivery, attempt))
        return following


async def hang(delivery: str, attempt: int) -> Following:
    await asyncio.Event().wait()
    return None


@pytest.fixture
def stored(database_url: URL) -> Iterator[Stored]:
    looked = Stored(database_url)
    yield looked
    looked.close()


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
async def engine(database_url: URL, carrier: Carrier) -> AsyncIterator[DurableEngine]:
    started = DurableEngine(database_url, carrier.run)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "starts")


async def reached(noted: list[Any], count: int) -> None:
    await until(lambda: len(noted) == count)


async def given_up(engine: DurableEngine) -> list[Dead]:
    async with asyncio.timeout(20):
        while not (dead := await engine.dead_letters()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return dead


async def again(engine: DurableEngine) -> None:
    """A stop and a start."""
    await engine.stop()
    await engine.start()


async def test_an_id_that_was_started_before_is_dropped(engine: DurableEngine, carrier: Carrier) -> None:
    await asyncio.gather(*(engine.begin("Worker", "a") for _ in range(20)))
    await until(lambda: carrier.ends)
    await again(engine)
    await engine.begin("Worker", "a")
    await engine.begin("Other", "a")
    await until(lambda: len(carrier.ends) == 2)
    await asyncio.sleep(0.2)
    assert carrier.starts == [("a", 1)] * 2


async def test_a_replay_runs_an_id_once_more(engine: DurableEngine, carrier: Carrier) -> None:
    for replay in (0, 1, 1, 2):
        await engine.begin("Worker", "a", replay)
    await until(lambda: len(carrier.ends) == 3)
    await asyncio.sleep(0.2)
    assert carrier.starts == [("a", 1)] * 3


async def test_an_id_that_is_enqueued_is_not_run_by_a_direct_start(engine: DurableEngine, carrier: Carrier) -> None:
    async def later(delivery: str, attempt: int) -> Following:
        return (2, 1.5) if attempt == 1 else None

    carrier.act = later
    await engine.begin("Worker", "a")
    await until(lambda: carrier.ends)
    await asyncio.sleep(0.2)
    with SetWorkflowID("a:Worker:2"):
        await DBOS.start_workflow_async(engine._deliver, "Worker", "a", 2, "a:Worker", 2)
    await asyncio.sleep(0.5)
    assert carrier.starts == [("a", 1)]
    await until(lambda: len(carrier.ends) == 2)
    assert carrier.starts == [("a", 1), ("a", 2)]


async def test_what_is_stored_is_the_names_alone_in_portable_json(engine: DurableEngine, stored: Stored) -> None:
    await engine.begin("Worker", "a")
    await until(lambda: stored.by_id()["a:Worker:1"]["status"] == "SUCCESS")
    (row,) = stored.rows()
    assert (row["name"], row["serialization"]) == ("deliver", "portable_json")
    (given,) = stored.rows("workflow_input")
    assert json.loads(given["inputs"]) == {
        "positionalArgs": ["Worker", "a", 1, "a:Worker", 1], "namedArgs": {},
    }  # fmt: skip
    for told in stored.rows("workflow_output"):
        assert json.loads(told["output"]) is None


async def test_every_version_of_the_code_and_every_start_takes_up_the_same_rows(
    engine: DurableEngine, stored: Stored
) -> None:
    await engine.begin("Worker", "a")
    await again(engine)
    await engine.begin("Worker", "b")
    assert {(row["application_version"], row["executor_id"]) for row in stored.rows()} == {("slipway", "local")}
    assert version("dbos").startswith("3.4.")


async def test_a_killed_process_is_resumed_by_the_next_in_two_seconds(
    database_url: URL, journal: Journal, carrier: Carrier
) -> None:
    process = EngineProcess(database_url, journal, HANGS, "a")
    await until(journal.starts)
    process.kill()
    engine = DurableEngine(database_url, carrier.run)
    await engine.start()
    began = time.monotonic()
    await until(lambda: carrier.ends)
    assert time.monotonic() - began < 2.0
    await engine.stop()
    assert (journal.starts(), carrier.starts) == (["a"], [("a", 1)])


async def test_a_delivery_that_kills_its_process_is_given_up_after_four_starts(
    database_url: URL, journal: Journal, engine: DurableEngine
) -> None:
    await engine.stop()
    for number in range(STARTS):
        assert EngineProcess(database_url, journal, DIES, *(["a"] if number == 0 else [])).died()
    await engine.start()
    dead = await given_up(engine)
    assert [(one.worker, one.delivery, one.attempts, one.reason) for one in dead] == [
        ("Worker", "a", 4, "its process died 4 times"),
    ]  # fmt: skip
    assert journal.starts() == ["a"] * 4
    await engine.forget([dead[0].workflow_id])
    assert await engine.dead_letters() == []


async def test_what_waits_holds_nothing_and_survives_a_restart(
    engine: DurableEngine, carrier: Carrier, stored: Stored
) -> None:
    async def wait(delivery: str, attempt: int) -> Following:
        return (2, 2.0) if attempt == 1 and delivery != "z" else None

    carrier.act = wait
    names = [f"d{number}" for number in range(30)]
    for name in names:
        await engine.begin("Worker", name)
    await until(lambda: [row["status"] for row in stored.rows()].count("DELAYED") == len(names))
    await until(lambda: not engine._running)
    await engine.begin("Worker", "z")
    await until(lambda: ("z", 1) in carrier.ends, 1.0)
    await again(engine)
    await until(lambda: len(carrier.ends) == 2 * len(names) + 1)
    assert sorted(carrier.starts) == sorted([("z", 1), *((name, attempt) for name in names for attempt in (1, 2))])


async def test_two_processes_that_tell_of_the_same_tick_start_it_once(database_url: URL, journal: Journal) -> None:
    ticks = [f"tick:Worker:{number}" for number in range(20)]
    processes = [EngineProcess(database_url, journal, ENDS, *ticks) for _ in range(2)]
    await until(lambda: len(journal.starts()) >= len(ticks))
    await asyncio.sleep(0.5)
    for process in processes:
        process.kill()
    assert sorted(journal.starts()) == sorted(ticks)


async def test_a_stop_hands_back_what_runs_without_counting_a_start(
    engine: DurableEngine, carrier: Carrier, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "GRACE_SECONDS", 0.05)
    carrier.act = hang
    await engine.begin("Worker", "a")
    for starts in range(1, STARTS + 2):
        await reached(carrier.starts, starts)
        await engine.stop()
        row = stored.by_id()["a:Worker:1"]
        assert (row["status"], row["recovery_attempts"]) == ("PENDING", 0)
        if starts > STARTS:
            carrier.act = carrier.end
        await engine.start()
    await until(lambda: stored.by_id()["a:Worker:1"]["status"] == "SUCCESS")
    assert await engine.dead_letters() == []


async def test_a_stop_waits_for_what_soon_ends(engine: DurableEngine, carrier: Carrier, stored: Stored) -> None:
    async def slow(delivery: str, attempt: int) -> Following:
        await asyncio.sleep(0.3)
        return None

    carrier.act = slow
    await engine.begin("Worker", "a")
    await until(lambda: carrier.starts)
    await engine.stop()
    assert carrier.ends == [("a", 1)]
    assert await asyncio.to_thread(lambda: "threads work on") == "threads work on"


async def test_ended_deliveries_are_removed_so_many_at_a_time_and_others_are_not(
    engine: DurableEngine, carrier: Carrier, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "GRACE_SECONDS", 0.05)
    for name in ("a", "b", "c"):
        await engine.begin("Worker", name)
    await until(lambda: {row["status"] for row in stored.rows()} == {"SUCCESS"})
    carrier.act = hang
    await engine.begin("Worker", "d")
    later = datetime.now(UTC) + timedelta(seconds=5)
    assert await engine.purge(later - timedelta(hours=1), 10) == 0
    assert [await engine.purge(later, 2) for _ in range(3)] == [2, 1, 0]
    assert list(stored.by_id()) == ["d:Worker:1"]
    assert [row["workflow_uuid"] for row in stored.rows("workflow_input")] == ["d:Worker:1"]
    await engine.stop()


async def test_a_carrier_that_fails_is_a_dead_letter_at_once(engine: DurableEngine, carrier: Carrier) -> None:
    async def fail(delivery: str, attempt: int) -> Following:
        raise OSError("no space left")

    carrier.act = fail
    await engine.begin("Worker", "a")
    dead = await given_up(engine)
    assert [(one.delivery, one.attempts, one.reason) for one in dead] == [
        ("a", 1, "the carrier failed: no space left"),
    ]  # fmt: skip


async def test_its_connections_write_through_to_the_disk(tmp_path: Path, carrier: Carrier) -> None:
    engine = DurableEngine(sqlite_url(tmp_path / "slipway.db"), carrier.run)
    await engine.start()
    used = _get_dbos_instance()._sys_db.engine
    asked = ("journal_mode", "synchronous", "busy_timeout")
    with used.connect() as connection:
        told = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in asked]
        own: Any = connection.connection.dbapi_connection
        begins = own.isolation_level
    await engine.stop()
    assert (told, begins) == (["wal", 2, 10_000], "IMMEDIATE")
