"""Every measure, in the order of the tables."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final, Protocol

from bench import clone_push, commits, events, memory, merges, wakeup
from bench.installation import Installation, installed
from bench.rows import Row


class Measure(Protocol):
    """Loads the installation and answers its rows, named after the measure; ``tiny`` proves that it runs."""

    def __call__(self, server: Installation, *, tiny: bool) -> Awaitable[list[Row]]:
        """Bounded by LONGEST, in seconds."""
        ...


MEASURES: Final[dict[str, Measure]] = {
    "commits": commits.measure,
    "merges": merges.measure,
    "clone_push": clone_push.measure,
    "wakeup": wakeup.measure,
    "events": events.measure,
    "memory": memory.measure,
}
LONGEST: Final = 120.0


async def run(name: str, *, tiny: bool = False) -> list[Row]:
    """The measure's rows, from a fresh installation."""
    async with installed() as server:
        try:
            async with asyncio.timeout(LONGEST):
                rows = await MEASURES[name](server, tiny=tiny)
        except TimeoutError as error:
            raise TimeoutError(f"the measure {name} did not end within {LONGEST:.0f} s") from error
        server.admin.close()
    return [replace(row, command=f"make bench ONLY={name}") for row in rows]
