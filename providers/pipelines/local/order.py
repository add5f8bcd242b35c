"""Runs parts that depend on each other: each as soon as those it waits for have ended."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from providers.pipelines.values import Status


class Part(Protocol):
    """A stage or a job."""

    @property
    def name(self) -> str:
        """Unique among its siblings."""
        ...

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The siblings it waits for, without a cycle."""
        ...


P = TypeVar("P", bound=Part)


async def run_in_order(
    parts: Sequence[P], run: Callable[[P, Mapping[str, Status]], Awaitable[Status]]
) -> dict[str, Status]:
    """How each went; ``run`` is told how all those before it did. The first failure of ``run`` itself ends all."""
    tasks: dict[str, asyncio.Task[Status]] = {}
    earlier: dict[str, dict[str, Status]] = {}

    async def one(part: P) -> Status:
        before: dict[str, Status] = {}
        for name in part.depends_on:
            status = await asyncio.shield(tasks[name])
            before |= {**earlier[name], name: status}
        earlier[part.name] = before
        return await run(part, before)

    async with asyncio.TaskGroup() as group:
        for part in parts:
            tasks[part.name] = group.create_task(one(part))
    return {name: task.result() for name, task in tasks.items()}


def together(statuses: Sequence[Status]) -> Status:
    """How the whole went when its parts went like this; what was skipped does not count."""
    for worst in (Status.FAILED, Status.CANCELED, Status.SUCCEEDED_WITH_ISSUES):
        if worst in statuses:
            return worst
    return Status.SKIPPED if statuses and set(statuses) == {Status.SKIPPED} else Status.SUCCEEDED
