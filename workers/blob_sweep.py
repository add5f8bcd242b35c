"""Removes blobs that nothing refers to any more, or never did because a crash came between blob and row."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from providers.blobs.store import Blob, Blobs
from services.platform.uploads import KEPT
from storage.engine import Database
from storage.queries.uploads import referred_to
from storage.tables.scoped import now

GRACE: Final = timedelta(hours=1)
AGE: Final = KEPT + GRACE
LOOKED_UP: Final = 200


class BlobSweep:
    """A blob younger than a day and an hour is left alone: its row may be about to come, or its last reader to go."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def drop(self, age: timedelta, limit: int) -> int:
        """As retention asks for it: how many were removed, at most so many."""
        before = now() - age
        removed = await self._blobs.tidy(now() - GRACE)
        batch: list[Blob] = []
        async for blob in self._blobs.older(before):
            batch.append(blob)
            if len(batch) == LOOKED_UP:
                removed += await self._remove(batch, age)
                batch = []
            if removed >= limit:
                return removed
        return removed + await self._remove(batch, age)

    async def _remove(self, blobs: Iterable[Blob], age: timedelta) -> int:
        """One that is uploaded anew between the look and the removal is younger, and stays."""
        keys = {(blob.key.tenant_id, blob.key.digest): blob.key for blob in blobs}
        if not keys:
            return 0
        before = now() - age
        async with self._database.reading(None) as session:
            held = await referred_to(session, list(keys))
        return sum([await self._blobs.delete(keys[one], before=before) for one in keys.keys() - held])
