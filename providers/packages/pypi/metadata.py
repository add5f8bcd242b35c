"""Core metadata: of a file, the little that an index tells, checked against the file's name."""

from typing import Final

from packaging.metadata import parse_email
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from providers.packages.errors import PackageInvalid
from providers.packages.pypi.names import canonical
from providers.packages.values import NamedFile

MOST_BYTES: Final = 1_048_576
_MOST_FIELDS: Final = 2_000
_MOST_LETTERS: Final = 500


def requires_python(data: bytes, named: NamedFile) -> str | None:
    """What it says of Python; PackageInvalid when it is of another name or version than the file."""
    raw, unread = parse_email(_head(data, named))
    for field in ("metadata-version", "name", "version", "requires-python"):
        if field in unread:
            raise PackageInvalid(f"the metadata of {named.filename} has a {field} that cannot be read, or several")
    if raw.get("metadata_version", "").partition(".")[0] not in {"1", "2"}:
        raise PackageInvalid(f"the metadata of {named.filename} has no Metadata-Version 1 or 2")
    name, version, wanted = raw.get("name", ""), raw.get("version", ""), raw.get("requires_python")
    if max(len(name), len(version), len(wanted or "")) > _MOST_LETTERS:
        raise PackageInvalid(f"the metadata of {named.filename} has a name, version or Requires-Python without end")
    if canonical(name) != named.name or not same(version, named.version):
        raise PackageInvalid(f"the metadata of {named.filename} is of {name[:80]!r} {version[:40]!r}")
    if wanted is None:
        return None
    try:
        SpecifierSet(wanted)
    except InvalidSpecifier as error:
        raise PackageInvalid(f"Requires-Python {wanted[:80]!r} of {named.filename} is not PEP 440") from error
    return wanted


def _head(data: bytes, named: NamedFile) -> bytes:
    """The fields without the description below them; a field costs the reader time for each other one."""
    lines, fields = [], 0
    for line in data.splitlines(keepends=True):
        if not line.strip():
            break
        fields += line[:1] not in {b" ", b"\t"}
        if fields > _MOST_FIELDS:
            raise PackageInvalid(f"the metadata of {named.filename} has over {_MOST_FIELDS:,} fields")
        lines.append(line)
    return b"".join(lines)


def same(version: str, other: str) -> bool:
    """Whether both are the same version, however they are written."""
    try:
        return Version(version) == Version(other)
    except InvalidVersion:
        return False
