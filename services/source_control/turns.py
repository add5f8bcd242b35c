"""Moves of one branch take turns within this process; across processes the intent's unique index decides."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary


class BranchTurns:
    """A queue per branch, first come first served."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[UUID, str], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, repository_id: UUID, branches: Iterable[str]) -> AsyncIterator[None]:
        """Waits for all of them, always in the same order, so that nobody waits for each other."""
        async with AsyncExitStack() as held:
            for branch in sorted(set(branches)):
                lock = self._locks.setdefault((repository_id, branch), asyncio.Lock())
                await held.enter_async_context(lock)
            yield
