"""Finishes the moves that a crash left between the swap and the record, from what Git says."""

from datetime import timedelta

import structlog

from services.source_control.moving import Moving
from storage.engine import Database
from storage.queries.source_control import intents_before
from storage.tables.scoped import now

EVERY_SECONDS = 10.0
OLD = timedelta(seconds=10)
_log = structlog.get_logger()


class Adoption:
    """Looks at start, when every intent is left over, and then every ten seconds at those over ten seconds old."""

    def __init__(self, database: Database, moving: Moving) -> None:
        self._database = database
        self._moving = moving

    async def look(self) -> int:
        """How many intents over ten seconds old were finished: younger ones may be under way."""
        return await self.finish(older_than=OLD)

    async def finish(self, *, older_than: timedelta = timedelta(0)) -> int:
        """How many intents were finished; one that fails is told and tried at the next look."""
        async with self._database.reading(None) as session:
            left = await intents_before(session, now() - older_than)
        done = 0
        for intent in left:
            try:
                await self._moving.finish(intent)
                done += 1
            except Exception:
                _log.exception("an intent could not be finished", intent=intent.id.hex, branch=intent.branch)
        return done
