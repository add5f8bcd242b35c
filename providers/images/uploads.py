"""Blobs on their way in: a file for each upload, appended to by one request at a time, across processes."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from providers.errors import ProviderUnavailable
from providers.images.errors import UploadBusy, UploadUnknown

BLOCK: Final = 1_048_576
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadKey:
    """An upload is of one tenant; the id alone finds nothing."""

    tenant_id: UUID
    upload_id: UUID


class UploadFolder:
    """What is here is served to nobody; a file's size is where its upload stands, whatever ended its writer."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def begin(self, key: UploadKey) -> None:
        """An empty file, readable by its owner only."""
        await _in_thread(self._begin, key)

    def _begin(self, key: UploadKey) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path(key), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    async def size(self, key: UploadKey) -> int:
        """UploadUnknown when it has ended."""
        return await _in_thread(lambda: self._stat(key).st_size)

    @asynccontextmanager
    async def opened(self, key: UploadKey) -> AsyncIterator["Opened"]:
        """Nobody else writes meanwhile: UploadBusy when somebody does, UploadUnknown when it has ended."""
        file = await _in_thread(self._open, key)
        try:
            yield Opened(file, self._path(key))
        finally:
            os.close(file)

    def _open(self, key: UploadKey) -> int:
        try:
            file = os.open(self._path(key), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise UploadUnknown from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._stat(key).st_ino != os.fstat(file).st_ino:
                raise UploadUnknown  # it ended between the opening and the lock, and may be a blob now
        except BlockingIOError as error:
            os.close(file)
            raise UploadBusy from error
        except UploadUnknown:
            os.close(file)
            raise
        return file

    async def remove(self, key: UploadKey) -> None:
        """What has gone already is fine."""
        await _in_thread(lambda: self._path(key).unlink(missing_ok=True))

    async def drop(self, age: timedelta, limit: int) -> int:
        """Removes at most so many that were written to last so long ago; says how many."""
        return await _in_thread(self._drop, datetime.now(UTC) - age, limit)

    def _drop(self, before: datetime, limit: int) -> int:
        removed = 0
        with suppress(FileNotFoundError):
            for path in list(self._root.iterdir()):
                with suppress(FileNotFoundError):
                    if removed < limit and datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                        path.unlink()
                        removed += 1
        return removed

    def _stat(self, key: UploadKey) -> os.stat_result:
        try:
            return self._path(key).stat()
        except FileNotFoundError as error:
            raise UploadUnknown from error

    def _path(self, key: UploadKey) -> Path:
        return self._root / f"{key.tenant_id.hex}-{key.upload_id.hex}"


class Opened:
    """An upload that one request writes to."""

    def __init__(self, file: int, path: Path) -> None:
        self._file = file
        self.path = path

    @property
    def size(self) -> int:
        """Where it stands."""
        return os.fstat(self._file).st_size

    async def append(self, content: AsyncIterable[bytes]) -> int:
        """Its new size; a megabyte is held at most, and what came before a failure stays, for the client to go on."""
        held = bytearray()
        try:
            async for chunk in content:
                held += chunk
                if len(held) >= BLOCK:
                    full, held = held, bytearray()
                    await _in_thread(self._write, full)
        finally:
            await _in_thread(self._write, held)
        return self.size

    async def cut(self, size: int) -> None:
        """Takes back what came after."""
        await _in_thread(os.ftruncate, self._file, size)

    def _write(self, data: bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Not left before the thread is done, even when cancelled: what it works on must not be closed under it."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    except OSError as error:
        raise ProviderUnavailable(f"uploads cannot be kept now: {error.strerror}") from error
