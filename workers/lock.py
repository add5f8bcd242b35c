"""One process works on a data folder at a time: its engine's executor has a fixed id."""

import fcntl
import os
from pathlib import Path


class FolderInUse(RuntimeError):
    """Another process holds the folder; the message names it."""


class FolderLock:
    """Held until it is released or the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: int | None = None

    def take(self) -> None:
        """FolderInUse when another process has it; nothing when this one does."""
        if self._held is not None:
            return
        file = os.open(self._folder / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 20).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise FolderInUse(
                f"{self._folder} is in use by process {holder}: stop that one, or give this one another --data folder"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._held = file

    def release(self) -> None:
        """Gives the folder free."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
