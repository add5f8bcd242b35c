"""The entries of a tar, in one pass and bounded: an own reader, as ``tarfile`` has headers that cost it hours.

POSIX ustar with pax headers and GNU's long names, as Python's and git's builds write them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

BLOCK: Final = 512
_MOST_HEADER: Final = 65_536
_REGULAR: Final = (b"0", b"\0", b"7")
_EMPTY: Final = {b"1": "link", b"2": "link", b"5": "folder"}
_MAGIC: Final = b"ustar\0"


class TarInvalid(ValueError):
    """What no honest build writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file, a folder or a link; only a file has content."""

    path: str
    size: int
    is_file: bool


def entries(read: Callable[[int], bytes]) -> Iterator[Entry]:
    """Each entry once its header is read; whoever asks for the next has read the file's content and padding."""
    told: dict[str, str] = {}
    while (header := read(BLOCK)) and header.count(0) != BLOCK:
        size, kind = _checked(header)
        if kind in {b"x", b"g", b"L", b"K"}:
            found = _extended(kind, _content(read, size))
            told |= found if kind != b"g" else {}
            continue
        size = _decimal(told["size"]) if "size" in told else size
        if kind not in _REGULAR and (kind not in _EMPTY or size):
            raise TarInvalid(f"it has an entry of the kind {kind!r}, or a folder or link with content")
        yield Entry(path=told.get("path") or _path(header), size=size, is_file=kind in _REGULAR)
        told = {}


def padded(size: int) -> int:
    """With what fills its last block."""
    return -(-size // BLOCK) * BLOCK


def _checked(header: bytes) -> tuple[int, bytes]:
    if len(header) != BLOCK:
        raise TarInvalid("it ends within a header")
    if _octal(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * 32:
        raise TarInvalid("a header's checksum is wrong")
    return _octal(header[124:136]), header[156:157]


def _octal(field: bytes) -> int:
    text = field.strip(b" \0")
    if text.strip(b"01234567"):
        raise TarInvalid(f"{field!r} is no octal number")
    return int(text or b"0", 8)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise TarInvalid(f"{text[:40]!r} is no size")
    return int(text)


def _path(header: bytes) -> str:
    name, prefix = (part.partition(b"\0")[0] for part in (header[:100], header[345:500]))
    return (prefix + b"/" + name if prefix and header[257:263] == _MAGIC else name).decode()


def _content(read: Callable[[int], bytes], size: int) -> bytes:
    if size > _MOST_HEADER:
        raise TarInvalid(f"a header has {size:,} bytes: {_MOST_HEADER:,} pass")
    data = read(padded(size))
    if len(data) != padded(size):
        raise TarInvalid("it ends within a header")
    return data[:size]


def _extended(kind: bytes, data: bytes) -> dict[str, str]:
    """What it says of the next entry, or of all."""
    if kind == b"K":
        return {}
    if kind == b"L":
        return {"path": data.partition(b"\0")[0].decode()}
    told: dict[str, str] = {}
    start = 0
    while start < len(data):
        length, space, _ = data[start : start + 16].partition(b" ")
        end = start + _decimal(length.decode())
        key, equals, value = data[start + len(length) + 1 : end - 1].partition(b"=")
        if not (space and equals) or end <= start or data[end - 1 : end] != b"\n":
            raise TarInvalid("a pax header has a record that is none")
        if key in {b"path", b"size"}:
            told[key.decode()] = value.decode()
        elif key.startswith(b"GNU.sparse"):
            raise TarInvalid("it has a file with holes")
        start = end
    if kind == b"g" and told:
        raise TarInvalid("a pax header names every entry alike")
    return told
