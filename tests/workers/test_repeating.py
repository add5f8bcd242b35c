"""What repeats: when it calls, that a failure ends nothing, and that it always ends when it is told to."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.failpoints import Failpoints
from storage.engine import Database
from tests.api.conftest import Client, admin, operator
from tests.workers.scripted import Scripted, answer
from tests.workers.test_replay import Begun
from workers import repeating
from workers.adoption import Adoption
from workers.dispatcher import Dispatcher
from workers.repeating import Repeating

__all__ = ["admin", "operator"]
LONG = 3_600.0


class Calls:
    """Counts the calls; each does what the test says, the last one's part again and again."""

    def __init__(self, *parts: Callable[[], Awaitable[object]]) -> None:
        self._parts = list(parts)
        self.count = 0

    async def __call__(self) -> object:
        self.count += 1
        return await (self._parts.pop(0) if len(self._parts) > 1 else self._parts[0])()

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(5):
            while self.count < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def nothing() -> None:
    """A call that finds nothing to do."""


async def fail() -> None:
    raise OSError("no space left")


@contextlib.asynccontextmanager
async def repeated(seconds: float, calls: Calls) -> AsyncIterator[Repeating]:
    one = Repeating("counting", seconds, calls)
    one.start()
    yield one
    await asyncio.wait_for(one.stop(), 10)


async def test_a_failed_call_is_followed_by_the_next() -> None:
    async with repeated(0.01, calls := Calls(fail, nothing)):
        await calls.reach(3)


async def test_it_calls_again_at_once_while_there_is_more() -> None:
    async def more() -> bool:
        return True

    async with repeated(LONG, calls := Calls(more, more, nothing)):
        await calls.reach(3)
        await asyncio.sleep(0.05)
    assert calls.count == 3


async def test_it_calls_when_it_is_woken_and_once_more_when_that_was_during_a_call() -> None:
    async def woken() -> None:
        one.wake()

    async with repeated(LONG, calls := Calls(nothing, woken, nothing)) as one:
        await calls.reach(1)
        one.wake()
        await calls.reach(3)
        await asyncio.sleep(0.05)
    assert calls.count == 3


async def test_what_fails_is_not_hurried_by_being_woken() -> None:
    async with repeated(LONG, calls := Calls(fail)) as one:
        await calls.reach(1)
        for _ in range(10):
            one.wake()
            await asyncio.sleep(0.001)
    assert calls.count == 1


async def test_an_end_lets_the_call_under_way_end() -> None:
    ended = False

    async def slow() -> None:
        nonlocal ended
        await asyncio.sleep(0.1)
        ended = True

    async with repeated(LONG, calls := Calls(slow)):
        await calls.reach(1)
    assert ended


async def test_an_end_cuts_a_long_call_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "GRACE_SECONDS", 0.05)

    async def for_ever() -> None:
        await asyncio.Event().wait()

    async with repeated(LONG, calls := Calls(for_ever)) as one:
        await calls.reach(1)
        began = time.monotonic()
        await one.stop()
        assert time.monotonic() - began < 0.5


async def test_a_call_that_will_not_be_cut_short_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(repeating, "CUT_SECONDS", 0.05)
    released = asyncio.Event()

    async def deaf() -> None:
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    async with repeated(LONG, calls := Calls(deaf)) as one:
        await calls.reach(1)
        await asyncio.wait_for(one.stop(), 2)
        released.set()


@pytest.mark.parametrize("turns", range(5))
async def test_an_end_at_the_moment_of_a_commit_is_not_lost(admin: Client, turns: int) -> None:
    database = admin.slipway.database
    dispatcher = Dispatcher(database, [Scripted(answer)], Begun().begin, Failpoints())
    dispatcher.start()
    await asyncio.sleep(0.1)
    await admin.done("createProject", "project { id }", name="shop")
    for _ in range(turns):
        await asyncio.sleep(0)
    began = time.monotonic()
    await asyncio.wait_for(dispatcher.stop(), 10)
    assert time.monotonic() - began < repeating.GRACE_SECONDS


async def test_adoption_goes_on_when_the_database_fails_it_once(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    database, looks = admin.slipway.database, Calls(nothing)
    reading: Any = Database.reading

    def broken(self: Database, access: Any) -> Any:
        monkeypatch.setattr(Database, "reading", reading)
        raise OSError("the server is gone")

    adoption = Adoption(database, admin.slipway.services.moving)

    async def look() -> object:
        found = await adoption.look()
        await looks()
        return found

    monkeypatch.setattr(Database, "reading", broken)
    one = Repeating("adoption", 0.01, look)
    one.start()
    await looks.reach(1)
    await one.stop()
