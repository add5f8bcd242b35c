"""Blobs in memory."""

import asyncio
import hashlib
import io
import threading
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from providers.blobs.errors import BlobMismatch, BlobMissing, RangeInvalid
from providers.blobs.store import Blob, BlobKey


class MemoryBlobs:
    """As the folder, until the process ends."""

    def __init__(self) -> None:
        self._held: dict[BlobKey, tuple[bytes, Blob]] = {}
        self._lock = threading.Lock()

    async def put(self, tenant_id: UUID, content: AsyncIterable[bytes], *, expected: str | None = None) -> Blob:
        """Held whole."""
        algorithm = "sha256" if expected is None else BlobKey(tenant_id=tenant_id, digest=expected).algorithm
        data = b"".join([chunk async for chunk in content])
        key = BlobKey(tenant_id=tenant_id, digest=f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")
        if expected not in {None, key.digest}:
            raise BlobMismatch(str(expected), key.digest)
        blob = Blob(key=key, size=len(data), stored_at=datetime.now(UTC))
        with self._lock:
            self._held[key] = (data, blob)
        return blob

    async def adopt(self, key: BlobKey, path: Path) -> Blob:
        """Read, put and removed."""

        async def content() -> AsyncIterator[bytes]:
            yield await asyncio.to_thread(path.read_bytes)

        blob = await self.put(key.tenant_id, content(), expected=key.digest)
        await asyncio.to_thread(path.unlink)
        return blob

    def open(self, key: BlobKey, *, start: int = 0, end: int | None = None) -> io.BufferedIOBase:
        """A copy."""
        with self._lock:
            held = self._held.get(key)
        if held is None:
            raise BlobMissing(key.digest)
        size = held[1].size
        last = size if end is None else end
        if not 0 <= start <= last <= size:
            raise RangeInvalid(start, last, size)
        return io.BytesIO(held[0][start:last])

    async def stat(self, key: BlobKey) -> Blob | None:
        """Without its content."""
        with self._lock:
            return self._held[key][1] if key in self._held else None

    async def delete(self, key: BlobKey, *, before: datetime) -> bool:
        """Under the lock."""
        with self._lock:
            if key in self._held and self._held[key][1].stored_at < before:
                del self._held[key]
                return True
        return False

    async def older(self, before: datetime) -> AsyncIterator[Blob]:
        """As it stood at the first."""
        with self._lock:
            blobs = [blob for _, blob in self._held.values()]
        for blob in blobs:
            if blob.stored_at < before:
                yield blob

    async def tidy(self, before: datetime) -> int:
        """Nothing is ever left."""
        return 0
