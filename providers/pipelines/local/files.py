"""Files of a workspace, for the server's own hands: what is read and written lies in it, whatever its programs did.

They may still run, and put links anywhere at any moment: a file is looked at once it is open, and what is written goes
down folder by folder without following a link.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

MOST_LOOKED_AT: Final = 200_000
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Outside(ValueError):
    """A path that does not lie in the workspace, or is nothing that can be read there; says which and why."""


class Files:
    """Below ``root``, a folder that this process made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = Path(os.path.realpath(root))

    def inside(self, path: str, base: Path) -> Path:
        """A path as a step writes it, from ``base``; Outside when it leaves the workspace by its name."""
        found = Path(os.path.normpath(base / path))
        if found != self.root and self.root not in found.parents:
            raise Outside(f"{str(found)!r} is not in the job's folder {str(self.root)!r}")
        return found

    def open(self, path: Path) -> BinaryIO:
        """A regular file, by whatever links within the workspace; Outside for any other."""
        try:
            handle = os.open(path, _READ)
        except OSError as error:
            raise Outside(f"{self.told(path)!r} cannot be read: {error.strerror}") from error
        try:
            if not self._holds(handle):
                raise Outside(f"{self.told(path)!r} is a link that leaves the job's folder")
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Outside(f"{self.told(path)!r} is no file")
        except BaseException:
            os.close(handle)
            raise
        return open(handle, "rb")

    def below(self, folder: Path) -> Iterator[str]:
        """Every file's path from the folder, with ``/``, in order; links to folders are told as if they were files."""
        try:
            top = os.open(folder, _FOLDER & ~os.O_NOFOLLOW)
        except OSError as error:
            raise Outside(f"{self.told(folder)!r} cannot be read: {error.strerror}") from error
        try:
            if not self._holds(top):
                raise Outside(f"{self.told(folder)!r} is a link that leaves the job's folder")
            yield from self._walked(folder, top)
        finally:
            os.close(top)

    def _walked(self, folder: Path, top: int) -> Iterator[str]:
        seen = 0
        for place, folders, files, handle in os.fwalk(".", dir_fd=top, follow_symlinks=False):
            folders.sort()
            linked = [name for name in folders if _is_link(name, handle)]
            seen += len(folders) + len(files)
            if seen > MOST_LOOKED_AT:
                raise Outside(f"{self.told(folder)!r} holds over {MOST_LOOKED_AT} files")
            for name in sorted([*files, *linked]):
                yield os.path.normpath(os.path.join(place, name))

    def create(self, path: Path, *, executable: bool, replace: bool = True) -> BinaryIO:
        """To be written, its folders made; Outside where a link stands in the way, FileExistsError."""
        parts = path.relative_to(self.root).parts
        handle = os.open(self.root, _FOLDER)
        try:
            for name in parts[:-1]:
                handle = self._down(handle, name, path)
            mode, excluded = (0o755 if executable else 0o644), 0 if replace else os.O_EXCL
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | excluded
            made = os.open(parts[-1], flags, mode, dir_fd=handle)
        except FileExistsError:
            raise
        except OSError as error:
            raise Outside(f"{self.told(path)!r} cannot be written: {error.strerror}") from error
        finally:
            os.close(handle)
        return open(made, "wb")

    def _down(self, handle: int, name: str, path: Path) -> int:
        """The next folder's handle in place of this one's."""
        with suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=handle)
        below = os.open(name, _FOLDER, dir_fd=handle)
        os.close(handle)
        return below

    def _holds(self, handle: int) -> bool:
        real = Path(os.readlink(f"/proc/self/fd/{handle}"))
        return real == self._real or self._real in real.parents

    def told(self, path: Path) -> str:
        """Shorter for people."""
        return os.path.relpath(path, self.root)


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode)
    except OSError:
        return False
