"""Wheels: the METADATA of one, once everything in it is what its RECORD says; PyPA's binary distribution format."""

import base64
import csv
import hashlib
import io
import struct
import zipfile
import zlib
from io import BufferedIOBase
from typing import Final

from providers.packages.errors import PackageInvalid
from providers.packages.pypi import metadata
from providers.packages.pypi.bounds import MOST_ENTRIES, check_path, most_unpacked
from providers.packages.pypi.names import canonical
from providers.packages.values import NamedFile

_END: Final = struct.Struct("<4s4H2LH")
_END64_LOCATOR: Final = 20
_MOST_DIRECTORY: Final = 16 * 1_048_576
_MOST_RECORD: Final = 16 * 1_048_576
_BLOCK: Final = 262_144
_UNRECORDED: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")
_HASHES: Final = {"sha256", "sha384", "sha512"}
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, csv.Error)


def read_wheel(file: BufferedIOBase, size: int, named: NamedFile) -> bytes:
    """The bytes of its METADATA; PackageInvalid for what is not a whole and honest wheel of this name."""
    try:
        _check_directory(file, size, named)
        with zipfile.ZipFile(file) as archive:
            entries = _entries(archive, size, named)
            folder = _dist_info(entries, named)
            told = _bounded(archive, entries, f"{folder}/METADATA", metadata.MOST_BYTES, named)
            record = _bounded(archive, entries, f"{folder}/RECORD", _MOST_RECORD, named)
            _check_record(archive, entries, folder, record.decode(), named)
    except _BROKEN as error:
        raise PackageInvalid(f"{named.filename} is not a wheel that can be read: {str(error)[:200]}") from error
    return told


def _check_directory(file: BufferedIOBase, size: int, named: NamedFile) -> None:
    """The end of a zip says how large its directory is, which ``zipfile`` would hold whole."""
    file.seek(max(0, size - _END.size - _END64_LOCATOR))
    tail = file.read()
    if len(tail) < _END.size:
        raise PackageInvalid(f"{named.filename} is too short for a wheel")
    signature, _, _, _, entries, directory, start, comment = _END.unpack(tail[-_END.size :])
    if signature != b"PK\5\6" or comment:
        raise PackageInvalid(f"{named.filename} does not end as a zip without a comment does")
    if tail[:4] == b"PK\6\7" or 0xFFFF in {entries} or 0xFFFFFFFF in {directory, start}:
        raise PackageInvalid(f"{named.filename} is a ZIP64 file, which no wheel needs to be")
    if entries > MOST_ENTRIES or directory > _MOST_DIRECTORY or start + directory + _END.size != size:
        raise PackageInvalid(f"{named.filename} has a directory that is too large, or not its own")


def _entries(archive: zipfile.ZipFile, size: int, named: NamedFile) -> dict[str, zipfile.ZipInfo]:
    """The files by name, none of them twice, encrypted, elsewhere or too large."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        check_path(info.filename, named.filename)
        if info.filename in entries:
            raise PackageInvalid(f"{named.filename} has {info.filename[:80]!r} twice")
        if info.flag_bits & 1 or info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise PackageInvalid(f"{named.filename} has {info.filename[:80]!r} encrypted, or compressed in a rare way")
        entries[info.filename] = info
    files = list(entries.values())
    unpacked = sum(info.file_size for info in files)
    if unpacked > most_unpacked(size) or sum(info.compress_size for info in files) > size:
        raise PackageInvalid(f"{named.filename} would become {unpacked:,} bytes: {most_unpacked(size):,} pass")
    return {name: info for name, info in entries.items() if not info.is_dir()}


def _dist_info(entries: dict[str, zipfile.ZipInfo], named: NamedFile) -> str:
    folders = {name.partition("/")[0] for name in entries if name.partition("/")[0].endswith(".dist-info")}
    if len(folders) != 1:
        raise PackageInvalid(f"{named.filename} has {len(folders)} .dist-info folders: one passes")
    folder = folders.pop()
    name, _, version = folder.removesuffix(".dist-info").partition("-")
    if canonical(name) != named.name or not metadata.same(version, named.version):
        raise PackageInvalid(f"{named.filename} has the folder {folder[:80]!r}, of another name or version")
    if f"{folder}/WHEEL" not in entries:
        raise PackageInvalid(f"{named.filename} has no {folder}/WHEEL")
    return folder


def _bounded(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], path: str, most: int, named: NamedFile
) -> bytes:
    info = entries.get(path)
    if info is None or info.file_size > most:
        raise PackageInvalid(f"{named.filename} has no {path}, or one over {most:,} bytes")
    return archive.read(info)


def _check_record(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], folder: str, record: str, named: NamedFile
) -> None:
    """Every file is recorded, and is what was recorded."""
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(record, newline="")) if row}
    unrecorded = {f"{folder}/{name}" for name in _UNRECORDED}
    odd = sorted((rows.keys() ^ entries.keys()) - unrecorded)
    if odd:
        raise PackageInvalid(f"{named.filename} and its RECORD differ in {odd[0][:80]!r}")
    for path in entries.keys() - unrecorded:
        if rows[path][:1] != [_hash(archive, entries[path], rows[path][:1])]:
            raise PackageInvalid(f"{named.filename} has {path[:80]!r} otherwise than its RECORD says")


def _hash(archive: zipfile.ZipFile, info: zipfile.ZipInfo, told: list[str]) -> str:
    """As RECORD writes it, by the algorithm that it names."""
    algorithm = "".join(told).partition("=")[0]
    if algorithm not in _HASHES:
        raise PackageInvalid(f"the RECORD has {info.filename[:80]!r} without a sha256, sha384 or sha512")
    digest = hashlib.new(algorithm)
    with archive.open(info) as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return f"{algorithm}={base64.urlsafe_b64encode(digest.digest()).decode().rstrip('=')}"
