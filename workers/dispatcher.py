"""Hands each worker the events that wake it, in the order of the log, from a cursor of its own."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from services.failpoints import Failpoints
from storage import event_log
from storage.engine import Database
from storage.tables.operations import EventRow
from workers.delivery import of_event
from workers.repeating import Repeating
from workers.worker import LookingWorker, Worker

BATCH = 50
LONGEST_REPEAT = 1_000
POLL_SECONDS = 1.0
LOOK_SECONDS = 2.0
REPLAYED = "DeliveryReplayed"
Begin = Callable[[str, str, int], Awaitable[None]]


class Dispatcher:
    """Starts each delivery by its id outside any transaction, then moves the cursor.

    A delivery costs more than most commits, so that a worker may look before whether the event concerns it.
    A crash between starts it twice, which the engine drops. Events that wake nobody move a cursor only now and then.
    Workers whose cursors agree, which is all of them nearly always, share one read of the log.
    """

    def __init__(self, database: Database, workers: Sequence[Worker], begin: Begin, failpoints: Failpoints) -> None:
        self._database = database
        self._workers = workers
        self._begin = begin
        self._failpoints = failpoints
        self._scanned: dict[str, tuple[int, int]] = {}
        self._following = Repeating("dispatch", POLL_SECONDS, self.step)
        database.heard.append(self.hear)

    def start(self) -> None:
        """Begins to follow the log."""
        self._following.start()

    def hear(self, events: Sequence[EventRow]) -> None:
        """Looks at the log at once when something that this process commits is for a worker, else at the next poll."""
        if any(_delivery(worker, event) is not None for event in events for worker in self._workers):
            self._following.wake()

    async def stop(self) -> None:
        """Ends between two batches."""
        await self._following.stop()

    async def step(self) -> bool:
        """One batch of each worker; whether there may be more."""
        busy = False
        async with self._database.reading(None) as session:
            cursors = await event_log.cursors(session)
            groups: dict[int, list[Worker]] = defaultdict(list)
            for worker in self._workers:
                groups[self._place(worker.name, cursors.get(worker.name, 0))].append(worker)
            batches = [(group, await event_log.tail(session, after=at, limit=BATCH)) for at, group in groups.items()]
        for group, rows in batches:
            busy = busy or len(rows) == BATCH
            for worker in group if rows else ():
                await self._hand(worker, rows, cursors.get(worker.name, 0))
        return busy

    def _place(self, name: str, cursor: int) -> int:
        """Where this process has scanned to, unless the cursor was moved by another or set back by an operator."""
        known, scanned = self._scanned.get(name, (cursor, cursor))
        return scanned if known == cursor else cursor

    async def _hand(self, worker: Worker, rows: Sequence[EventRow], cursor: int) -> None:
        started = False
        for row in rows:
            delivery = _delivery(worker, row)
            if delivery is not None and await _concerns(worker, row):
                self._failpoints.reach("dispatch:before")
                await self._begin(worker.name, *delivery)
                self._failpoints.reach("dispatch:after")
                started = True
        last = rows[-1].position or 0
        move = started or last - cursor >= LONGEST_REPEAT
        self._scanned[worker.name] = (last if move else cursor, last)
        if move:
            self._failpoints.reach("cursor:before")
            async with self._database.writing(None) as session:
                await event_log.move_cursor(session, worker.name, old=cursor, new=last)
                await session.commit()
            self._failpoints.reach("cursor:after")


def _delivery(worker: Worker, row: EventRow) -> tuple[str, int] | None:
    """The delivery that the event is for this worker, and the number of its replay."""
    if row.event_type in worker.wakes_on:
        return (row.event_id.hex, 0) if worker.wants(row) else None
    if row.event_type == REPLAYED and row.payload["worker"] == worker.name:
        return row.payload["delivery"].removeprefix("evt-"), row.payload["replay"]
    return None


async def _concerns(worker: Worker, row: EventRow) -> bool:
    """A replay was asked for, so nobody looks; a look that takes long is left to the delivery: others wait for it."""
    if row.event_type == REPLAYED or not isinstance(worker, LookingWorker):
        return True
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await worker.concerns(of_event(row))
    except TimeoutError:
        return True
