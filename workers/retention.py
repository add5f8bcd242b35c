"""Removes what has had its time, in small batches, so that nothing grows for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.packaging.registry import KEPT as UPLOADED
from services.packaging.registry import UNUSED
from services.platform.uploads import KEPT
from storage.engine import Database
from storage.queries import retention
from storage.tables.scoped import now
from workers.engine import DurableEngine

EVERY_SECONDS = 900.0
BATCH = 500
PAUSE_SECONDS = 0.05
_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is kept how long; ``drop(age, limit)`` removes at most that many older ones and says how many."""

    name: str
    age: timedelta
    drop: Callable[[timedelta, int], Awaitable[int]]


class Retention:
    """Several processes may sweep at once: each takes what the others left."""

    def __init__(self, database: Database, engine: DurableEngine, *more: Kept) -> None:
        self._database = database
        self._engine = engine
        self._kept = (
            Kept(name="idempotency keys", age=timedelta(days=7), drop=self._rows(retention.drop_idempotency)),
            Kept(name="ticks", age=timedelta(days=7), drop=self._rows(retention.drop_ticks)),
            Kept(name="replayed dead letters", age=timedelta(days=30), drop=self._rows(retention.drop_replayed)),
            Kept(name="uploads", age=KEPT, drop=self._rows(retention.drop_uploads)),
            Kept(name="image uploads", age=UPLOADED, drop=self._rows(retention.drop_registry_uploads)),
            Kept(name="blobs of no image", age=UNUSED, drop=self._rows(retention.drop_registry_blobs)),
            Kept(name="engine rows", age=timedelta(hours=1), drop=self._engine_rows),
            *more,
        )

    async def sweep(self) -> dict[str, int]:
        """How many of each were removed."""
        removed = {kept.name: await self._empty(kept) for kept in self._kept}
        if any(removed.values()):
            _log.info("removed what has had its time", **{name: count for name, count in removed.items() if count})
        return removed

    async def _empty(self, kept: Kept) -> int:
        removed = 0
        while count := await kept.drop(kept.age, BATCH):
            removed += count
            if count < BATCH:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        return removed

    def _rows(self, drop: Callable[..., Awaitable[int]]) -> Callable[[timedelta, int], Awaitable[int]]:
        async def rows(age: timedelta, limit: int) -> int:
            async with self._database.writing(None) as session:
                return await drop(session, now() - age, limit)

        return rows

    async def _engine_rows(self, age: timedelta, limit: int) -> int:
        return await self._engine.purge(now() - age, limit)
