"""Blobs in a folder: ``<root>/<tenant>/<ab>/<hex>``, and ``.incoming`` beside for what is being written."""

import asyncio
import fcntl
import hashlib
import io
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar
from uuid import UUID, uuid4

from providers.blobs.errors import BlobMismatch, BlobMissing, RangeInvalid
from providers.blobs.store import Blob, BlobKey
from providers.errors import ProviderUnavailable

BLOCK: Final = 1_048_576
T = TypeVar("T")


class BlobFolder:
    """The folder is made when it is first written to, and readable by its owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, tenant_id: UUID, content: AsyncIterable[bytes], *, expected: str | None = None) -> Blob:
        """A megabyte is held at most."""
        algorithm = "sha256" if expected is None else BlobKey(tenant_id=tenant_id, digest=expected).algorithm
        incoming = _Incoming(self._root, algorithm)
        await _in_thread(incoming.begin)
        try:
            held = bytearray()
            async for chunk in content:
                held += chunk
                if len(held) >= BLOCK:
                    await _in_thread(incoming.write, held)
                    held = bytearray()
            await _in_thread(incoming.write, held)
            return await _in_thread(incoming.keep, tenant_id, expected)
        finally:
            await _in_thread(incoming.discard)

    async def adopt(self, key: BlobKey, path: Path) -> Blob:
        """By renaming it: it must lie on the same file system."""
        return await _in_thread(self._adopt, key, path)

    def _adopt(self, key: BlobKey, path: Path) -> Blob:
        with path.open("rb") as file:
            actual = f"{key.algorithm}:{hashlib.file_digest(file, key.algorithm).hexdigest()}"
            if actual != key.digest:
                raise BlobMismatch(key.digest, actual)
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _kept(self._root, key, file.fileno(), path)

    def open(self, key: BlobKey, *, start: int = 0, end: int | None = None) -> io.BufferedIOBase:
        """A plain file, or a part of one."""
        with _told():
            try:
                file = self._path(key).open("rb")
            except FileNotFoundError as error:
                raise BlobMissing(key.digest) from error
            size = os.fstat(file.fileno()).st_size
            last = size if end is None else end
            if not 0 <= start <= last <= size:
                file.close()
                raise RangeInvalid(start, last, size)
            file.seek(start)
        return file if last == size else io.BufferedReader(_Part(file, last - start))

    async def stat(self, key: BlobKey) -> Blob | None:
        """By the file's own size and time."""
        return await _in_thread(lambda: _blob(key, self._path(key)))

    async def delete(self, key: BlobKey, *, before: datetime) -> bool:
        """The folder's lock keeps a put of the same content from coming between the look and the removal."""
        return await _in_thread(self._delete, key, before)

    def _delete(self, key: BlobKey, before: datetime) -> bool:
        path = self._path(key)
        with suppress(FileNotFoundError), _locked(path.parent) as folder:
            found = _blob(key, path)
            if found is not None and found.stored_at < before:
                path.unlink()
                os.fsync(folder)
                return True
        return False

    async def older(self, before: datetime) -> AsyncIterator[Blob]:
        """A folder at a time."""
        for tenant in await _in_thread(_folders, self._root):
            for shard in await _in_thread(_folders, tenant):
                for blob in await _in_thread(_older, UUID(hex=tenant.name), shard, before):
                    yield blob

    async def tidy(self, before: datetime) -> int:
        """By the time of the last write: a put that is under way is younger."""
        return await _in_thread(self._tidy, before)

    def _tidy(self, before: datetime) -> int:
        removed = 0
        with suppress(FileNotFoundError):
            for path in list((self._root / ".incoming").iterdir()):
                with suppress(FileNotFoundError):
                    if _time(path.stat()) < before:
                        path.unlink()
                        removed += 1
        return removed

    def _path(self, key: BlobKey) -> Path:
        return _place(self._root, key)


class _Incoming:
    """A file that nobody sees under its digest until it is whole."""

    def __init__(self, root: Path, algorithm: str) -> None:
        self._root = root
        self._path = root / ".incoming" / uuid4().hex
        self._file: int | None = None
        self._hash = hashlib.new(algorithm)

    def begin(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytearray) -> None:
        assert self._file is not None
        view = memoryview(data)
        self._hash.update(view)
        while view:
            view = view[os.write(self._file, view) :]

    def keep(self, tenant_id: UUID, expected: str | None) -> Blob:
        assert self._file is not None
        key = BlobKey(tenant_id=tenant_id, digest=f"{self._hash.name}:{self._hash.hexdigest()}")
        if expected not in {None, key.digest}:
            raise BlobMismatch(str(expected), key.digest)
        return _kept(self._root, key, self._file, self._path)

    def discard(self) -> None:
        """After ``keep`` nothing is left to remove."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._path.unlink(missing_ok=True)


class _Part(io.RawIOBase):
    """The next bytes of a file, as if they were all of it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Not left before the thread is done, even when cancelled: what it works on must not be closed under it."""

    def told() -> T:
        with _told():
            return work(*arguments)

    task = asyncio.ensure_future(asyncio.to_thread(told))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProviderUnavailable(f"the blob store does not answer: {error.strerror}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Held against every other process too; answers the folder's descriptor."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield held
    finally:
        os.close(held)


def _kept(root: Path, key: BlobKey, file: int, path: Path) -> Blob:
    """The open file of that path, on the disk and under its digest."""
    os.utime(file)
    os.fsync(file)
    target = _place(root, key)
    _make(target.parent, root)
    with _locked(target.parent) as folder:
        path.rename(target)
        os.fsync(folder)
    found = os.fstat(file)
    return Blob(key=key, size=found.st_size, stored_at=_time(found))


def _make(folder: Path, root: Path) -> None:
    """Each new folder is on the disk before anything is put in it."""
    if folder == root or folder.is_dir():
        return
    _make(folder.parent, root)
    folder.mkdir(mode=0o700, exist_ok=True)
    held = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _place(root: Path, key: BlobKey) -> Path:
    name = key.digest.partition(":")[2]
    return root / key.tenant_id.hex / name[:2] / name


def _key(tenant_id: UUID, name: str) -> BlobKey:
    """The length of the name tells how it was digested."""
    algorithm = "sha512" if len(name) == 128 else "sha256"
    return BlobKey(tenant_id=tenant_id, digest=f"{algorithm}:{name}")


def _blob(key: BlobKey, path: Path) -> Blob | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return Blob(key=key, size=found.st_size, stored_at=_time(found))


def _older(tenant_id: UUID, folder: Path, before: datetime) -> list[Blob]:
    found = [_blob(_key(tenant_id, path.name), path) for path in folder.iterdir()]
    return [blob for blob in found if blob is not None and blob.stored_at < before]


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


def _time(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)
