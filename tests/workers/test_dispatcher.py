"""The dispatcher: who is handed what, once, from which place in the log."""

import asyncio
from typing import ClassVar

import pytest

from services.failpoints import Failpoints
from storage import event_log
from storage.engine import Database
from storage.tables.operations import CursorRow, EventRow
from tests.api.conftest import Client, admin, operator
from tests.workers.scripted import Scripted, answer
from tests.workers.test_replay import Begun
from workers import dispatcher as dispatcher_module
from workers.delivery import Delivery
from workers.dispatcher import Dispatcher

__all__ = ["admin", "operator"]


class Choosy(Scripted):
    """Wants the project that is called booking alone."""

    name: ClassVar[str] = "Choosy"

    def wants(self, event: EventRow) -> bool:
        return bool(event.payload["name"] == "booking")


class Looking(Scripted):
    """Looks before it is handed anything, and is not concerned by booking."""

    name: ClassVar[str] = "Looking"

    async def concerns(self, delivery: Delivery) -> bool:
        return bool(delivery.payload["name"] != "booking")


class Slow(Scripted):
    """Looks for longer than others may wait."""

    name: ClassVar[str] = "Slow"

    async def concerns(self, delivery: Delivery) -> bool:
        await asyncio.sleep(60)
        return False


async def make(client: Client, *names: str) -> list[str]:
    """The deliveries of these projects' events."""
    for name in names:
        await client.done("createProject", "project { id }", name=name)
    async with client.slipway.database.reading(None) as session:
        rows = await event_log.tail(session, after=0, limit=1_000)
    return [row.event_id.hex for row in rows if row.event_type == "ProjectCreated"]


async def cursors(database: Database) -> dict[str, int]:
    async with database.reading(None) as session:
        return await event_log.cursors(session)


async def test_a_worker_is_handed_what_it_wants_once_and_in_order(admin: Client) -> None:
    first, second, third = await make(admin, "shop", "booking", "office")
    begun = Begun()
    workers = [Scripted(answer), Choosy(answer)]
    dispatcher = Dispatcher(admin.slipway.database, workers, begun.begin, Failpoints())
    assert [await dispatcher.step() for _ in range(2)] == [False, False]
    assert begun.deliveries == [
        ("Scripted", first, 0), ("Scripted", second, 0), ("Scripted", third, 0), ("Choosy", second, 0),
    ]  # fmt: skip
    following = Begun()
    await Dispatcher(admin.slipway.database, workers, following.begin, Failpoints()).step()
    assert following.deliveries == []


async def test_what_does_not_concern_a_worker_that_looks_is_no_delivery(admin: Client) -> None:
    first, _, third = await make(admin, "shop", "booking", "office")
    begun = Begun()
    await Dispatcher(admin.slipway.database, [Looking(answer)], begun.begin, Failpoints()).step()
    assert begun.deliveries == [("Looking", first, 0), ("Looking", third, 0)]


async def test_events_that_wake_nobody_cost_no_write(admin: Client) -> None:
    await make(admin, "shop")
    dispatcher = Dispatcher(admin.slipway.database, [Choosy(answer)], Begun().begin, Failpoints())
    await dispatcher.step()
    assert await cursors(admin.slipway.database) == {}


async def test_a_commit_that_is_for_a_worker_is_handed_on_before_the_next_poll_any_other_is_not_looked_at(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, begun, steps = admin.slipway.database, Begun(), asyncio.Semaphore(0)
    monkeypatch.setattr("workers.dispatcher.POLL_SECONDS", 60.0)
    step = Dispatcher.step

    async def counted(self: Dispatcher) -> bool:
        steps.release()
        return await step(self)

    monkeypatch.setattr(Dispatcher, "step", counted)
    dispatcher = Dispatcher(database, [Choosy(answer)], begun.begin, Failpoints())
    dispatcher.start()
    await asyncio.wait_for(steps.acquire(), 10)
    await make(admin, "shop")
    await asyncio.sleep(0.1)
    assert steps.locked()
    (_, wanted) = await make(admin, "booking")
    await asyncio.wait_for(steps.acquire(), 10)
    await dispatcher.stop()
    assert begun.deliveries == [("Choosy", wanted, 0)]


async def test_a_cursor_that_is_set_back_hands_old_events_out_again(admin: Client) -> None:
    (first,) = await make(admin, "shop")
    begun = Begun()
    dispatcher = Dispatcher(admin.slipway.database, [Scripted(answer)], begun.begin, Failpoints())
    await dispatcher.step()
    async with admin.slipway.database.writing(None) as session:
        row = await session.get(CursorRow, "Scripted")
        assert row is not None
        row.position = 0
        await session.commit()
    await dispatcher.step()
    assert begun.deliveries == [("Scripted", first, 0)] * 2


async def test_a_new_worker_follows_from_the_first_event_beside_those_at_the_head(admin: Client) -> None:
    first, second = await make(admin, "shop", "booking")
    begun = Begun()
    await Dispatcher(admin.slipway.database, [Scripted(answer)], begun.begin, Failpoints()).step()
    third = (await make(admin, "office"))[-1]
    both = [Scripted(answer), Choosy(answer)]
    await Dispatcher(admin.slipway.database, both, begun.begin, Failpoints()).step()
    assert begun.deliveries == [
        ("Scripted", first, 0), ("Scripted", second, 0), ("Scripted", third, 0), ("Choosy", second, 0),
    ]  # fmt: skip


async def test_a_start_that_fails_leaves_the_cursor_where_it_was(admin: Client) -> None:
    await make(admin, "shop")

    async def refuse(worker: str, delivery: str, replay: int) -> None:
        raise OSError("no space left")

    dispatcher = Dispatcher(admin.slipway.database, [Scripted(answer)], refuse, Failpoints())
    with pytest.raises(OSError, match="no space left"):
        await dispatcher.step()
    assert await cursors(admin.slipway.database) == {}


async def test_a_look_that_takes_long_is_left_to_the_delivery(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "LOOK_SECONDS", 0.01)
    (only,) = await make(admin, "shop")
    begun = Begun()
    workers = [Slow(answer), Scripted(answer)]
    await Dispatcher(admin.slipway.database, workers, begun.begin, Failpoints()).step()
    assert sorted(begun.deliveries) == [("Scripted", only, 0), ("Slow", only, 0)]
