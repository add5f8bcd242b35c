"""Hands each worker the events that wake it, in the order of the log, from a cursor of its own."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from storage import event_log
from storage.engine import Database
from workers.worker import Worker

BATCH = 50
LONGEST_REPEAT = 1_000
POLL_SECONDS = 1.0
_log = structlog.get_logger()


class Dispatcher:
    """Starts each delivery by its id outside any transaction, then moves the cursor.

    A crash between starts it twice, which the engine drops. Events that wake nobody move the cursor only now and then.
    """

    def __init__(
        self, database: Database, workers: Sequence[Worker], begin: Callable[[str, str], Awaitable[None]]
    ) -> None:
        self._database = database
        self._workers = workers
        self._begin = begin
        self._wake = asyncio.Event()
        self._scanned: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        database.committed.append(self._wake.set)

    def start(self) -> None:
        """Begins to follow the log."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Ends between two batches."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        while True:
            self._wake.clear()
            try:
                busy = [await self.step(worker) for worker in self._workers]
            except Exception:
                _log.exception("dispatch failed; trying again")
                busy = [False]
                await asyncio.sleep(POLL_SECONDS)
            if not any(busy):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)

    async def step(self, worker: Worker) -> bool:
        """One batch of one worker; whether there may be more."""
        async with self._database.reading(None) as session:
            cursor = await event_log.cursor(session, worker.name)
            rows = await event_log.tail(session, after=max(cursor, self._scanned.get(worker.name, 0)), limit=BATCH)
        if not rows:
            return False
        wanted = [row for row in rows if row.event_type in worker.wakes_on]
        for row in wanted:
            await self._begin(worker.name, row.event_id.hex)
        last = self._scanned[worker.name] = rows[-1].position or 0
        if wanted or last - cursor >= LONGEST_REPEAT:
            async with self._database.writing(None) as session:
                await event_log.move_cursor(session, worker.name, old=cursor, new=last)
                await session.commit()
        return len(rows) == BATCH
