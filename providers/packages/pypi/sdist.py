"""Sdists: the PKG-INFO of one, once all of it was looked through; PEP 625's ``<name>-<version>.tar.gz``."""

import gzip
import zlib
from io import BufferedIOBase
from typing import Final

from providers.packages.errors import PackageInvalid
from providers.packages.pypi import metadata
from providers.packages.pypi.bounds import MOST_ENTRIES, check_path, most_unpacked
from providers.packages.pypi.tar import Entry, entries, padded
from providers.packages.values import NamedFile

_BLOCK: Final = 262_144
_BROKEN: Final = (gzip.BadGzipFile, zlib.error, EOFError, ValueError)


def read_sdist(file: BufferedIOBase, size: int, named: NamedFile) -> bytes:
    """The bytes of its PKG-INFO; PackageInvalid for what is not a whole sdist of one folder."""
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as inflated:
            told = _read(_Unpacked(inflated, most_unpacked(size), named), named)
    except _BROKEN as error:
        raise PackageInvalid(f"{named.filename} is not an sdist that can be read: {str(error)[:200]}") from error
    if told is None:
        raise PackageInvalid(f"{named.filename} has no PKG-INFO in its folder")
    return told


def _read(content: "_Unpacked", named: NamedFile) -> bytes | None:
    top: str | None = None
    told: bytes | None = None
    for number, entry in enumerate(entries(content.read)):
        check_path(entry.path, named.filename)
        folder, _, path = entry.path.partition("/")
        top = top or folder
        if folder != top or number >= MOST_ENTRIES:
            raise PackageInvalid(
                f"{named.filename} has {top[:80]!r} and {folder[:80]!r}, or over {MOST_ENTRIES:,} entries:"
                " one folder passes"
            )
        if path == "PKG-INFO":
            told = _pkg_info(content, entry, told, named)
        elif entry.is_file:
            content.skip(padded(entry.size))
    content.drain()
    return told


def _pkg_info(content: "_Unpacked", entry: Entry, told: bytes | None, named: NamedFile) -> bytes:
    if told is not None or not entry.is_file or entry.size > metadata.MOST_BYTES:
        raise PackageInvalid(f"{named.filename} has two PKG-INFO, or none of under a mebibyte")
    return content.read(padded(entry.size))[: entry.size]


class _Unpacked:
    """What a gzip holds, forward only and no more of it than is allowed."""

    def __init__(self, inflated: gzip.GzipFile, most: int, named: NamedFile) -> None:
        self._inflated = inflated
        self._most = most
        self._named = named

    def read(self, size: int) -> bytes:
        data = self._inflated.read(size)
        if self._inflated.tell() > self._most:
            raise PackageInvalid(f"{self._named.filename} would become over {self._most:,} bytes")
        return data

    def skip(self, size: int) -> None:
        """EOFError when there is less."""
        while size:
            block = self.read(min(size, _BLOCK))
            if not block:
                raise EOFError("it ends within a file")
            size -= len(block)

    def drain(self) -> None:
        """Up to the end, whose checksum the gzip tells."""
        while self.read(_BLOCK):
            pass
