"""Places to run in, given out fairly: the tenant that holds the fewest is next, then who has waited longest."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class Slots:
    """So many at once; who waits holds a task and nothing else."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._held: Counter[UUID] = Counter()
        self._waiting: deque[tuple[UUID, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def of(self, tenant: UUID) -> AsyncIterator[None]:
        """One slot while the body runs."""
        await self._take(tenant)
        try:
            yield
        finally:
            self._give_back(tenant)

    async def _take(self, tenant: UUID) -> None:
        if self._free:
            self._free -= 1
            self._held[tenant] += 1
            return
        mine = (tenant, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        try:
            await mine[1]
        except asyncio.CancelledError:
            if mine[1].done() and not mine[1].cancelled():
                self._give_back(tenant)
            else:
                self._waiting.remove(mine)
            raise

    def _give_back(self, tenant: UUID) -> None:
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        waiting = [one for one in self._waiting if not one[1].done()]
        if not waiting:
            self._free += 1
            return
        following = min(waiting, key=lambda one: self._held[one[0]])
        self._waiting.remove(following)
        self._held[following[0]] += 1
        following[1].set_result(None)
