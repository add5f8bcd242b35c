"""The live hub: one tail of the log per process, and subscribers that are integers over it, without a gap at the seam.

A subscriber behind the ring pages from the table, inside it reads the ring, and at the head it waits.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from storage import event_log
from storage.access import Access
from storage.engine import Database
from storage.event_log import EventFilter
from storage.queries.visible import sees
from storage.tables.operations import EventRow

RING = 10_000
BATCH = 500
PAGE = 100
POLL_SECONDS = 1.0
_log = structlog.get_logger()


class Lagged(Exception):
    """A live subscriber fell behind the whole ring; everything up to ``sequence`` has been handed to it."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"more events came than the ring keeps after {sequence}")
        self.sequence = sequence


class Hub:
    """Its tail runs while anybody listens; it is handed what this process commits, and polls for what others do."""

    def __init__(self, database: Database, *, ring: int = RING, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._ring = ring
        self._poll_seconds = poll_seconds
        self._tail: Tail | None = None
        self.listeners: list[Callable[[Sequence[EventRow]], None]] = []
        database.heard.append(self.hear)

    def hear(self, rows: Sequence[EventRow]) -> None:
        """Hands the tail what was committed just now."""
        if self._tail is not None:
            self._tail.hear(rows)

    async def head(self, access: Access) -> int:
        """The newest sequence of the tenant: where a subscription without a cursor starts."""
        async with self._database.reading(access) as session:
            return await event_log.last_sequence(session, access.tenant_id)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Tail"]:
        """Keeps the tail running; whatever commits after this is entered reaches the listeners and the ring."""
        if self._tail is None or self._tail.ended:
            self._tail = Tail(self._database, self._ring, self._poll_seconds, self.listeners)
        tail = self._tail
        tail.users += 1
        try:
            await tail.started()
            yield tail
        finally:
            tail.users -= 1
            if tail.users == 0:
                self._tail = None if self._tail is tail else self._tail
                await tail.stop()

    @asynccontextmanager
    async def subscribe(self, access: Access, wanted: EventFilter, *, after: int) -> AsyncIterator["Subscriber"]:
        """A subscriber that has seen everything up to the sequence ``after``."""
        async with self.listening() as tail:
            yield Subscriber(self._database, tail, access, wanted, after)


class Tail:
    """Reads the log in the system role from where it ended, into a ring that every tenant shares."""

    def __init__(
        self,
        database: Database,
        ring: int,
        poll_seconds: float,
        listeners: Sequence[Callable[[Sequence[EventRow]], None]],
    ) -> None:
        self._database = database
        self._size = ring
        self._poll_seconds = poll_seconds
        self._listeners = listeners
        self._order: deque[EventRow] = deque()
        self._rows: dict[tuple[UUID, int], EventRow] = {}
        self._heads: dict[UUID, int] = {}
        self._waiting: dict[UUID, asyncio.Event] = {}
        self._stopped = False
        self.users = 0
        self._place: int | None = None
        self._news = asyncio.Event()
        self._start = asyncio.ensure_future(self._find_place())
        self._task = asyncio.create_task(self._run())

    @property
    def ended(self) -> bool:
        """Whether it reads no more: it was stopped, or something unforeseen broke it."""
        return self._task.done()

    async def _find_place(self) -> None:
        async with self._database.reading(None) as session:
            self._place = await event_log.last_position(session)

    async def started(self) -> None:
        """Until the tail knows its place: what commits later is in the ring."""
        await asyncio.shield(self._start)

    async def stop(self) -> None:
        """Lets the read under way end first."""
        self._stopped = True
        self._news.set()
        await asyncio.wait({self._task})

    def hear(self, rows: Sequence[EventRow]) -> None:
        """Takes rows that follow its place without a gap; else the table is read, where those between stand too."""
        place, positions = self._place, [row.position for row in rows]
        if place is not None and positions == list(range(place + 1, place + 1 + len(rows))):
            self._take(rows)
        else:
            self._news.set()

    async def _run(self) -> None:
        try:
            await self._start
            while not self._stopped:
                await self._look()
        finally:
            for waiting in self._waiting.values():
                waiting.set()

    async def _look(self) -> None:
        self._news.clear()
        rows = [row for row in await self._read() if (row.position or 0) > (self._place or 0)]
        if rows:
            self._take(rows)
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(self._poll_seconds):
                await self._news.wait()
        except TimeoutError:
            return

    async def _read(self) -> list[EventRow]:
        """None while the database is away: the next poll goes on from the same place."""
        try:
            async with self._database.reading(None) as session:
                return await event_log.tail(session, after=self._place or 0, limit=min(BATCH, self._size))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("the log cannot be read: trying again", error=str(error))
            return []

    def _take(self, rows: Sequence[EventRow]) -> None:
        for row in rows:
            self._place = row.position
            self._order.append(row)
            self._rows[row.tenant_id, row.sequence] = row
            self._heads[row.tenant_id] = row.sequence
        while len(self._order) > self._size:
            old = self._order.popleft()
            del self._rows[old.tenant_id, old.sequence]
            if self._heads[old.tenant_id] == old.sequence:
                del self._heads[old.tenant_id]
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.call_soon(listener, rows)  # a listener that fails must not fail the commit that is told
        for tenant in {row.tenant_id for row in rows}:
            waiting = self._waiting.pop(tenant, None)
            if waiting is not None:
                waiting.set()

    def wake_of(self, tenant: UUID) -> asyncio.Event:
        """Set once the ring has taken the tenant's next event; take it before looking, wait on it after."""
        if self.ended:
            self._task.result()
        return self._waiting.setdefault(tenant, asyncio.Event())

    def after(self, tenant: UUID, sequence: int) -> list[EventRow]:
        """The next events of the tenant that are in the ring, none when the first is not."""
        found: list[EventRow] = []
        while len(found) < PAGE and (row := self._rows.get((tenant, sequence + 1))) is not None:
            found.append(row)
            sequence = row.sequence
        return found

    def head(self, tenant: UUID) -> int | None:
        """The newest sequence in the ring, None when it holds nothing of the tenant."""
        return self._heads.get(tenant)


class Subscriber:
    """A place in a tenant's stream: ``sequence`` is the last event that was looked at, wanted or not.

    It moves in the very step that ``next`` answers in, so that it never tells of an event that nobody was handed.
    """

    def __init__(self, database: Database, tail: Tail, access: Access, wanted: EventFilter, after: int) -> None:
        self._database = database
        self._tail = tail
        self._access = access
        self._wanted = wanted
        self._live = False
        self.sequence = after

    async def next(self) -> list[EventRow]:
        """The next events that are wanted and in sight, at least one; waits for them. Lagged ends it."""
        tenant = self._access.tenant_id
        while True:
            wake = self._tail.wake_of(tenant)
            rows = self._tail.after(tenant, self.sequence)
            if rows:
                await asyncio.sleep(0)
                self._live = True
                self.sequence = rows[-1].sequence
                found = [row for row in rows if sees(self._access, row) and self._wanted.matches(row)]
            else:
                found = await self._beyond_the_ring(tenant, wake)
            if found:
                return found

    async def _beyond_the_ring(self, tenant: UUID, wake: asyncio.Event) -> list[EventRow]:
        head = self._tail.head(tenant)
        if head is None or (head > self.sequence and not self._live):
            await asyncio.sleep(0)  # SQLite answers without a pause: a long replay lets others run between its pages
            async with self._database.reading(self._access) as session:
                rows, through = await event_log.page(
                    session, self._access, after=self.sequence, wanted=self._wanted, limit=PAGE
                )
            if through > self.sequence:
                self._live = self._live or len(rows) < PAGE
                self.sequence = through
                return rows
        elif head > self.sequence:
            raise Lagged(self.sequence)
        self._live = True
        await wake.wait()
        return []
