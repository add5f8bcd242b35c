"""What was written to repositories is brought to the disk: one syncfs for all who wait, outside the interpreter's lock.

libgit2's own fsync of each object takes 190 ms for a commit of 20 files and holds the lock meanwhile; this takes what
one fsync does.
"""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from providers.errors import ProviderUnavailable

Sync = Callable[[Path], None]
_REMEMBERED: Final = 1_000


def sync_file_system(folder: Path) -> None:
    """Everything that was written to the file system of the folder, names included; OSError when the disk refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def drop_empty_objects(repository: Path) -> int:
    """Removes loose objects without a byte, which only a loss of power leaves; how many there were."""
    dropped = 0
    for path in (repository / "objects").glob("[0-9a-f][0-9a-f]/*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size == 0:
                path.unlink()
                dropped += 1
    return dropped


class Durability:
    """Who writes while a sync runs waits for the next one, together with all who do."""

    def __init__(self, folder: Path, sync: Sync = sync_file_system) -> None:
        self._folder = folder
        self._sync = sync
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._begun: dict[str, asyncio.Task[None]] = {}

    def begin(self, sha: str) -> None:
        """A commit was written: it is on its way to the disk while its mover does something else."""
        self._begun.pop(sha, None)
        self._begun[sha] = self._after_now()
        while len(self._begun) > _REMEMBERED:
            del self._begun[next(iter(self._begun))]

    async def hold(self, sha: str | None = None) -> None:
        """Until this commit, or all that was written before now, stands; ProviderUnavailable when it cannot be told."""
        begun = None if sha is None else self._begun.pop(sha, None)
        try:
            await asyncio.shield(begun or self._after_now())
        except OSError as error:
            raise ProviderUnavailable(f"the disk did not take what Git wrote: {error.strerror}") from error

    def _after_now(self) -> asyncio.Task[None]:
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._running))
            self._next.add_done_callback(_heard)
        return self._next

    async def _run(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        await asyncio.to_thread(self._sync, self._folder)


def _heard(task: asyncio.Task[None]) -> None:
    """A failure that nobody waits for is not reported by the loop as well."""
    if not task.cancelled():
        task.exception()
