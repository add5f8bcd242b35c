"""Fans ticks out: one delivery for each row whose time has come."""

from collections.abc import Awaitable, Callable, Sequence

from storage.tables.scoped import now
from workers.delivery import tick
from workers.worker import TimedWorker, Worker

LOOK_SECONDS = 5.0
MOST = 100


class Timers:
    """Every worker process looks, and no leader is needed: a tick has one name, and the engine starts a name once."""

    def __init__(self, workers: Sequence[Worker], begin: Callable[[str, str], Awaitable[None]]) -> None:
        self._workers = [worker for worker in workers if isinstance(worker, TimedWorker)]
        self._begin = begin
        self._under_way: dict[str, set[str]] = {}

    async def look(self) -> int:
        """How many ticks were started; one that is under way since the last look is not started again."""
        started = 0
        for worker in self._workers:
            ticks = {tick(worker.name, due): None for due in await worker.due(now(), MOST)}
            for name in ticks.keys() - self._under_way.get(worker.name, set()):
                await self._begin(worker.name, name)
                started += 1
            self._under_way[worker.name] = set(ticks)
        return started
