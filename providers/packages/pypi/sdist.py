"""Sdists: the PKG-INFO of one, once all of it was looked through; PEP 625's ``<name>-<version>.tar.gz``."""

import gzip
import tarfile
import zlib
from io import BufferedIOBase
from typing import Final

from providers.packages.errors import PackageInvalid
from providers.packages.pypi import metadata
from providers.packages.pypi.bounds import MOST_ENTRIES, check_path, most_unpacked
from providers.packages.values import NamedFile

_BLOCK: Final = 262_144
_AT_ONCE: Final = 1_048_576
_BROKEN: Final = (tarfile.TarError, zlib.error, EOFError, UnicodeError, ValueError, OSError)


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
    with tarfile.open(fileobj=content, mode="r:") as archive:  # type: ignore[call-overload]  # reads, seeks and tells
        for number, member in enumerate(archive):
            archive.members = []  # it would keep every one
            check_path(member.name, named.filename)
            if number >= MOST_ENTRIES or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
                raise PackageInvalid(f"{named.filename} has over {MOST_ENTRIES:,} entries, or a device")
            folder, _, path = member.name.partition("/")
            top = top or folder
            if folder != top:
                raise PackageInvalid(f"{named.filename} has {top[:80]!r} and {folder[:80]!r}: one folder passes")
            if path == "PKG-INFO":
                if told is not None or not member.isreg() or member.size > metadata.MOST_BYTES:
                    raise PackageInvalid(f"{named.filename} has two PKG-INFO, or none of under a mebibyte")
                told = content.read(member.size)
    content.drain()
    return told


class _Unpacked:
    """What a gzip holds, forward only: no more at once than a mebibyte, and no more in all than is allowed."""

    def __init__(self, inflated: gzip.GzipFile, most: int, named: NamedFile) -> None:
        self._inflated = inflated
        self._most = most
        self._named = named

    def read(self, size: int) -> bytes:
        if size > _AT_ONCE:
            raise PackageInvalid(f"{self._named.filename} has a header of {size:,} bytes")
        data = self._inflated.read(size)
        if self._inflated.tell() > self._most:
            raise PackageInvalid(f"{self._named.filename} would become over {self._most:,} bytes")
        return data

    def tell(self) -> int:
        return self._inflated.tell()

    def seek(self, place: int) -> int:
        while (left := place - self._inflated.tell()) > 0 and self.read(min(left, _BLOCK)):
            pass
        return self.tell()

    def drain(self) -> None:
        """Up to the end, whose checksum the gzip tells."""
        while self.read(_BLOCK):
            pass
