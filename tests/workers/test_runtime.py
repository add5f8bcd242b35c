"""The runtime: progress and record once each, zombies fenced, retry, defer and dead letters."""

import asyncio
import time
from typing import Any

import pytest

from storage.unit_of_work import UnitOfWork
from tests.api.conftest import Client, admin, operator
from tests.workers.scripted import Scripted, answer, makes, projects, runtime, waking
from workers.delivery import Delivery
from workers.errors import Defer, Ignore, Retry, Stop
from workers.worker import Progress

__all__ = ["admin", "operator"]
RUN = ("Scripted",)


class Zombie:
    """An act that is suspended before its part, as a stopped process is, until the test wakes it."""

    def __init__(self, part: Any = answer) -> None:
        self._part = part
        self.began, self.wake = asyncio.Event(), asyncio.Event()

    async def __call__(self, progress: Progress) -> Any:
        self.began.set()
        await self.wake.wait()
        return await self._part(progress)


async def test_a_unit_of_progress_commits_before_the_record_and_once_per_key(admin: Client) -> None:
    done: list[bool] = []

    async def act(progress: Progress) -> str:
        done.append(await progress("build", makes("built")))
        done.append(await progress("build", makes("built again")))
        done.append(await progress("test", makes("tested")))
        assert await projects(admin) == ["built", "tested"]
        return "effect"

    assert await runtime(admin, Scripted(act)).run("Scripted", await waking(admin), 1) is None
    assert done == [True, False, True]
    assert await projects(admin) == ["built", "effect", "tested"]


async def test_progress_of_a_failed_attempt_is_not_repeated_by_the_next(admin: Client) -> None:
    async def fail(progress: Progress) -> str:
        await progress("build", makes("built"))
        raise Retry("the network is down", after=3)

    async def succeed(progress: Progress) -> str:
        assert not await progress("build", makes("built twice"))
        return "effect"

    key, carried = await waking(admin), runtime(admin, Scripted(fail, succeed))
    assert await carried.run("Scripted", key, 1) == (2, 3)
    assert await carried.run("Scripted", key, 2) is None
    assert await projects(admin) == ["built", "effect"]


async def test_a_zombie_that_wakes_before_its_first_progress_changes_nothing(admin: Client) -> None:
    async def late(progress: Progress) -> str:
        await progress("late", makes("late"))
        return "late effect"

    async def busy(progress: Progress) -> str:
        await progress("build", makes("built"))
        zombie.wake.set()
        assert await first is None
        await progress("test", makes("tested"))
        return "effect"

    zombie = Zombie(late)
    key, carried = await waking(admin), runtime(admin, Scripted(zombie, busy))
    first = asyncio.create_task(carried.run("Scripted", key, 1))
    await zombie.began.wait()
    assert await carried.run("Scripted", key, 1) is None
    assert await projects(admin) == ["built", "effect", "tested"]


async def test_a_zombie_that_held_the_token_changes_nothing_after_its_takeover(admin: Client) -> None:
    async def suspended(progress: Progress) -> str:
        await progress("build", makes("built"))
        return str(await zombie(progress))

    async def late(progress: Progress) -> str:
        await progress("late", makes("late"))
        return "late effect"

    async def taking_over(progress: Progress) -> str:
        assert not await progress("build", makes("built twice"))
        await progress("test", makes("tested"))
        zombie.wake.set()
        assert await first is None
        return "effect"

    zombie = Zombie(late)
    key, carried = await waking(admin), runtime(admin, Scripted(suspended, taking_over))
    first = asyncio.create_task(carried.run("Scripted", key, 1))
    await zombie.began.wait()
    assert await carried.run("Scripted", key, 1) is None
    assert await projects(admin) == ["built", "effect", "tested"]


async def test_a_zombie_may_not_record_over_an_execution_that_made_progress(admin: Client) -> None:
    async def busy(progress: Progress) -> str:
        await progress("build", makes("built"))
        zombie.wake.set()
        assert await first is None
        return "effect"

    zombie = Zombie()
    key, carried = await waking(admin), runtime(admin, Scripted(zombie, busy))
    first = asyncio.create_task(carried.run("Scripted", key, 1))
    await zombie.began.wait()
    assert await carried.run("Scripted", key, 1) is None
    assert await projects(admin) == ["built", "effect"]


async def test_a_zombie_that_wakes_when_all_is_done_changes_nothing(admin: Client) -> None:
    async def late(progress: Progress) -> str:
        await progress("late", makes("late"))
        return "late effect"

    zombie = Zombie(late)
    key, carried = await waking(admin), runtime(admin, Scripted(zombie, answer))
    first = asyncio.create_task(carried.run("Scripted", key, 1))
    await zombie.began.wait()
    assert await carried.run("Scripted", key, 1) is None
    zombie.wake.set()
    assert await first is None
    assert await projects(admin) == ["effect"]


async def test_a_takeover_holds_the_token_even_when_the_clock_went_back(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(progress: Progress) -> str:
        await progress("build", makes("built"))
        raise Retry("again", after=0)

    async def succeed(progress: Progress) -> str:
        await progress("test", makes("tested"))
        return "effect"

    key, carried = await waking(admin), runtime(admin, Scripted(fail, succeed))
    await carried.run("Scripted", key, 1)
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    assert await carried.run("Scripted", key, 2) is None
    assert await projects(admin) == ["built", "effect", "tested"]


async def test_waiting_counts_no_attempt(admin: Client) -> None:
    async def wait(progress: Progress) -> None:
        raise Defer("a slot is taken", after=7.5)

    assert await runtime(admin, Scripted(wait)).run("Scripted", await waking(admin), 2) == (2, 7.5)


async def test_what_is_ignored_is_never_acted_on_again(admin: Client) -> None:
    async def ignore(progress: Progress) -> None:
        raise Ignore("not mine")

    key, carried = await waking(admin), runtime(admin, Scripted(ignore, answer))
    assert [await carried.run("Scripted", key, 1) for _ in range(2)] == [None, None]
    assert await projects(admin) == []


async def test_an_act_that_takes_too_long_is_cut_off_and_says_so(admin: Client) -> None:
    async def sleep(progress: Progress) -> None:
        await asyncio.sleep(10)

    assert await runtime(admin, Scripted(sleep)).run("Scripted", await waking(admin), 2) is None
    assert [letter["reason"] for letter in await dead_letters(admin)] == ["TimeoutError (0.5 s)"]
    assert await projects(admin) == ["failed"]


async def test_a_dead_letter_is_kept_even_when_its_failure_cannot_be_recorded(admin: Client) -> None:
    class Broken(Scripted):
        async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
            raise LookupError("no such row")

    async def stop(progress: Progress) -> None:
        raise Stop("refused")

    assert await runtime(admin, Broken(stop)).run("Scripted", await waking(admin), 1) is None
    assert [(letter["reason"], letter["status"]) for letter in await dead_letters(admin)] == [("refused", "OPEN")]


async def test_a_delivery_whose_worker_is_gone_ends(admin: Client) -> None:
    assert await runtime(admin, Scripted(answer)).run("Retired", await waking(admin), 1) is None


async def dead_letters(client: Client) -> list[dict[str, Any]]:
    answer = await client.ask("{ deadLetters { nodes { id worker delivery subjectId attempts reason status } } }")
    found: list[dict[str, Any]] = answer["deadLetters"]["nodes"]
    return found
