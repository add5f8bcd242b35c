"""Finishes the moves that a crash left between the swap and the record, from what Git says."""

import asyncio
import contextlib
from datetime import timedelta

import structlog

from services.source_control.ref_moves import RefMoves, cause_of
from storage.access import Access
from storage.engine import Database
from storage.queries.source_control import intents_before
from storage.tables.scoped import now
from storage.tables.source_control import RefIntentRow
from storage.unit_of_work import unit_of_work

EVERY_SECONDS = 10.0
OLD = timedelta(seconds=10)
_log = structlog.get_logger()


class Adoption:
    """Looks at start, when every intent is left over, and then every ten seconds at those over ten seconds old."""

    def __init__(self, database: Database, moves: RefMoves) -> None:
        self._database = database
        self._moves = moves
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Ends; what it was at is finished by the next look."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.finish(older_than=OLD)

    async def finish(self, *, older_than: timedelta = timedelta(0)) -> int:
        """How many intents were finished; one that fails is told and tried at the next look."""
        async with self._database.reading(None) as session:
            left = await intents_before(session, now() - older_than)
        done = 0
        for intent in left:
            try:
                await self._finish(intent)
                done += 1
            except Exception:
                _log.exception("an intent could not be finished", intent=intent.id.hex, branch=intent.branch)
        return done

    async def _finish(self, intent: RefIntentRow) -> None:
        seen = await self._moves.observe(intent)
        access = Access(tenant_id=intent.tenant_id)
        async with unit_of_work(self._database, access, cause_of(intent)) as uow:
            await self._moves.settle(uow, intent, seen)
            await uow.commit()
