"""The runner's parts by themselves: slots, the log, variables, the order of jobs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from providers.pipelines.definition.conditions import Standing, decide
from providers.pipelines.local import log as log_module
from providers.pipelines.local.log import FileRunLogs
from providers.pipelines.local.order import run_in_order, together
from providers.pipelines.local.slots import Slots
from providers.pipelines.local.variables import Variables
from providers.pipelines.values import RunKey, Status

A, B = UUID(int=1), UUID(int=2)
KEY = RunKey(tenant_id=A, run_id=B)


async def test_a_free_slot_goes_to_the_tenant_that_holds_the_fewest() -> None:
    slots, began = Slots(2), []
    ends = {name: asyncio.Event() for name in ("a1", "a2", "a3", "b1")}

    async def run(name: str, tenant: UUID) -> None:
        async with slots.of(tenant):
            began.append(name)
            await ends[name].wait()

    tasks = []
    for name in ends:
        tasks.append(asyncio.create_task(run(name, A if name.startswith("a") else B)))
        await asyncio.sleep(0)
    for name in ("a1", "a2", "b1", "a3"):
        ends[name].set()
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    assert began == ["a1", "a2", "b1", "a3"]


async def test_who_gives_up_waiting_leaves_the_slot_to_the_next() -> None:
    slots = Slots(1)
    async with slots.of(A):
        waiting = asyncio.create_task(slots.of(A).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(1), slots.of(B):
        pass


async def texts(logs: FileRunLogs, after: int, limit: int) -> list[tuple[int, int, str]]:
    return [(line.number, line.record, line.text) for line in await logs.read(KEY, after=after, limit=limit)]


async def test_a_log_is_read_from_any_line(tmp_path: Path) -> None:
    logs = FileRunLogs(tmp_path)
    assert await texts(logs, 0, 10) == []
    writer = logs.writer(KEY)
    writer.write(3, ["one", "", "three with  spaces"])
    writer.write(4, ["vier ü\0\t"])
    assert await texts(logs, 0, 2) == [(1, 3, "one"), (2, 3, "")]
    assert await texts(logs, 2, 9) == [(3, 3, "three with  spaces"), (4, 4, "vier ü\0\t")]
    assert await texts(logs, 4, 9) == await texts(logs, 400, 9) == []
    writer.close()


async def test_a_log_goes_on_where_its_writer_left_it(tmp_path: Path) -> None:
    logs = FileRunLogs(tmp_path)
    for text in ("one", "two"):
        writer = logs.writer(KEY)
        writer.write(1, [text])
        writer.close()
    assert await texts(FileRunLogs(tmp_path), 1, 9) == [(2, 1, "two")]


async def test_a_long_line_is_several_and_a_part_is_bounded(tmp_path: Path) -> None:
    logs = FileRunLogs(tmp_path)
    writer = logs.writer(KEY)
    writer.write(1, ["x" * (log_module.LONGEST_LINE * 40 + 1)])
    writer.close()
    first = await texts(logs, 0, 500)
    assert 10 < len(first) < 20
    assert {len(text) for _, _, text in first} == {log_module.LONGEST_LINE}
    assert [number for number, _, _ in await texts(logs, 40, 500)] == [41]


async def test_what_is_beyond_the_bound_is_dropped_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "MOST_BYTES", 200)
    logs = FileRunLogs(tmp_path)
    writer = logs.writer(KEY)
    for _ in range(50):
        writer.write(1, ["y" * 50])
    writer.close()
    told = await texts(logs, 0, 100)
    assert len(told) == writer.count < 6
    assert told[-1][2] == "##[warning]The log has reached 200 bytes: the rest of it is not kept"


async def test_who_waits_for_a_line_is_woken_by_it_and_by_nothing_before(tmp_path: Path) -> None:
    logs = FileRunLogs(tmp_path)
    writer = logs.writer(KEY)
    writer.write(1, ["one"])
    waiting = asyncio.create_task(logs.grown(KEY, after=1, seconds=5))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    writer.write(1, ["two"])
    async with asyncio.timeout(0.3):
        await waiting
    await logs.grown(KEY, after=2, seconds=0.01)
    writer.close()


def test_macros_are_expanded_and_what_is_not_known_stays() -> None:
    variables = Variables({"A": "1", "b.c": "$(A)2"}, {"a": "3", "loop": "$(loop)"})
    assert variables.expand("$(a) $(B.C) $(none) $() $(loop) $(a") == "3 32 $(none) $() $(loop) $(a"
    assert variables.environment() == {"A": "3", "B_C": "32", "LOOP": "$(loop)"}


@dataclass(frozen=True)
class Part:
    name: str
    depends_on: tuple[str, ...] = ()


async def test_parts_run_side_by_side_and_after_what_they_depend_on() -> None:
    order: list[str] = []
    both = asyncio.Barrier(2)

    async def run(part: Part, before: Mapping[str, Status]) -> Status:
        assert sorted(before) == {"a": [], "b": [], "c": ["a", "b"], "d": ["a", "b", "c"]}[part.name]
        if part.name in "ab":
            await both.wait()
        order.append(part.name)
        return Status.FAILED if part.name == "b" else Status.SUCCEEDED

    parts = [Part("d", ("c",)), Part("a"), Part("b"), Part("c", ("a", "b"))]
    async with asyncio.timeout(1):
        told = await run_in_order(parts, run)
    assert (sorted(order[:2]), order[2:]) == (["a", "b"], ["c", "d"])
    assert together(list(told.values())) is Status.FAILED
    assert together([Status.SKIPPED]) is Status.SKIPPED
    assert together([Status.SKIPPED, Status.SUCCEEDED]) is Status.SUCCEEDED


DECISIONS = [
    (None, Status.SUCCEEDED, False, True),
    (None, Status.SUCCEEDED_WITH_ISSUES, False, True),
    (None, Status.FAILED, False, False),
    (None, Status.SKIPPED, False, False),
    (None, Status.SUCCEEDED, True, False),
    (" Always( ) ", Status.FAILED, True, True),
    ("failed()", Status.FAILED, False, True),
    ("failed()", Status.SUCCEEDED, False, False),
    ("succeededOrFailed()", Status.FAILED, False, True),
    ("succeededOrFailed()", Status.FAILED, True, False),
    ("canceled()", Status.SUCCEEDED, True, True),
    ("canceled()", Status.SUCCEEDED, False, False),
]


@pytest.mark.parametrize(("condition", "status", "canceled", "runs"), DECISIONS)
def test_a_condition_decides_by_what_went_before(
    condition: str | None, status: Status, canceled: bool, runs: bool
) -> None:
    verdict = decide(condition, Standing(before={"build": status}, canceled=canceled))
    assert (verdict.runs, verdict.explanation is None) == (runs, runs)


def test_a_skip_tells_the_condition_and_what_it_saw() -> None:
    standing = Standing(before={"a": Status.SUCCEEDED, "b": Status.FAILED})
    assert decide(None, standing).explanation == "succeeded() is false: a SUCCEEDED, b FAILED"
