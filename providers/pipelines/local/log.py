"""Logs as files: the lines in one, and in another where each of them ends, so that any line is found at once."""

import asyncio
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Final
from weakref import WeakSet

from providers.pipelines.logs import LogLine
from providers.pipelines.values import RunKey

MOST_BYTES: Final = 128 * 1024**2
LONGEST_LINE: Final = 16_384
READ_BYTES: Final = 262_144
POLL_SECONDS: Final = 0.5
_END: Final = struct.Struct("<Q")


class LogWriter:
    """Adds lines to one run's log; the lines are in the file before their ends are in the index."""

    def __init__(self, path: Path, grown: "WeakSet[asyncio.Event]") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lines = FileIO(path, "ab")
        self._ends = FileIO(path.with_suffix(".index"), "ab")
        self._size = self._lines.tell()
        self._grown = grown
        self.is_full = False
        self.count = self._ends.tell() // _END.size

    def write(self, record: int, texts: Sequence[str]) -> None:
        """Each text as a line, a long one as several; what is beyond the bound is dropped, and that is said once."""
        if self.is_full:
            return
        pieces = [text[at : at + LONGEST_LINE] for text in texts for at in range(0, max(len(text), 1), LONGEST_LINE)]
        self._add(record, pieces)
        if self._size >= MOST_BYTES:
            self.is_full = True
            self._add(record, [f"##[warning]The log has reached {MOST_BYTES} bytes: the rest of it is not kept"])

    def _add(self, record: int, texts: Sequence[str]) -> None:
        head = f"{datetime.now(UTC).timestamp():.3f} {record} "
        lines = [(head + text).encode("utf-8", "replace") + b"\n" for text in texts]
        ends = bytearray()
        for line in lines:
            self._size += len(line)
            ends += _END.pack(self._size)
        self._lines.write(b"".join(lines))
        self._ends.write(bytes(ends))
        self.count += len(lines)
        for event in list(self._grown):
            event.set()

    def close(self) -> None:
        """No more lines."""
        self._lines.close()
        self._ends.close()


class FileRunLogs:
    """Below one folder, a pair of files a run; readers need no more than the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[RunKey, WeakSet[asyncio.Event]] = {}

    def writer(self, key: RunKey) -> LogWriter:
        """The only one that adds to this run's log."""
        return LogWriter(self._path(key), self._waiting.setdefault(key, WeakSet()))

    def closed(self, key: RunKey) -> None:
        """Nobody adds to it any more."""
        self._waiting.pop(key, None)

    async def read(self, key: RunKey, *, after: int, limit: int) -> list[LogLine]:
        """Off the loop."""
        return await asyncio.to_thread(_read, self._path(key), after, limit)

    async def grown(self, key: RunKey, *, after: int, seconds: float) -> None:
        """Woken by this process's writer, and looking by itself for another's."""
        event = asyncio.Event()
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.add(event)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while _count(self._path(key)) <= after and (left := deadline - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, POLL_SECONDS)):
                    await event.wait()
            except TimeoutError:
                continue

    def _path(self, key: RunKey) -> Path:
        return self._folder / key.tenant_id.hex / f"{key.run_id.hex}.log"


def _count(path: Path) -> int:
    try:
        return path.with_suffix(".index").stat().st_size // _END.size
    except FileNotFoundError:
        return 0


def _read(path: Path, after: int, limit: int) -> list[LogLine]:
    try:
        with path.with_suffix(".index").open("rb") as index, path.open("rb") as lines:
            index.seek(max(after - 1, 0) * _END.size)
            told = index.read((limit + (after > 0)) * _END.size)
            ends = [end for (end,) in _END.iter_unpack(told[: len(told) - len(told) % _END.size])]
            start = ends.pop(0) if after > 0 and ends else 0
            kept = [end for end in ends if end - start <= READ_BYTES] or ends[:1]
            lines.seek(start)
            data = lines.read(kept[-1] - start) if kept else b""
    except FileNotFoundError:
        return []
    texts = data.split(b"\n")[: len(kept)]
    return [_line(number, text) for number, text in enumerate(texts, after + 1)]


def _line(number: int, data: bytes) -> LogLine:
    at, record, text = data.decode("utf-8", "replace").split(" ", 2)
    return LogLine(number=number, at=datetime.fromtimestamp(float(at), UTC), record=int(record), text=text)
