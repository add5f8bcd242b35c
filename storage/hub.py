"""The live hub: fans the log out to subscribers from any cursor, without a gap at the seam."""

import asyncio
from collections.abc import AsyncIterator

from storage import event_log
from storage.access import Access
from storage.engine import Database
from storage.event_log import EventFilter
from storage.tables.operations import EventRow

BATCH = 200
POLL_SECONDS = 1.0


class Hub:
    """Wakes subscribers after a commit of this process; the poll finds those of others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wake = asyncio.Event()
        database.committed.append(self.wake)

    def wake(self) -> None:
        """Tells every subscriber to look at the log."""
        self._wake.set()
        self._wake = asyncio.Event()

    async def head(self, access: Access) -> int:
        """The newest sequence of the tenant: where a subscription without a cursor starts."""
        async with self._database.reading(access) as session:
            return await event_log.last_sequence(session, access.tenant_id)

    async def follow(self, access: Access, wanted: EventFilter, *, after: int) -> AsyncIterator[EventRow]:
        """Every matching event over the sequence ``after``, for ever: replayed from the log, then live."""
        while True:
            wake = self._wake
            async with self._database.reading(access) as session:
                rows = await event_log.read(session, access, after=after, wanted=wanted, limit=BATCH)
            for row in rows:
                yield row
                after = row.sequence
            if len(rows) < BATCH:
                try:
                    await asyncio.wait_for(wake.wait(), POLL_SECONDS)
                except TimeoutError:
                    continue
