"""What a feed knows of a package's file."""

from dataclasses import dataclass
from enum import StrEnum


class Ecosystem(StrEnum):
    """Whose clients install from a feed."""

    PYPI = "PYPI"


class FileKind(StrEnum):
    """What a file of a package is."""

    WHEEL = "WHEEL"
    SDIST = "SDIST"


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedFile:
    """What a file's name says; ``name`` and ``version`` are normalised as the ecosystem does."""

    filename: str
    name: str
    version: str
    kind: FileKind


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageFile:
    """A file whose content was read; ``metadata_digest`` is of the blob that holds its metadata, where it is served."""

    named: NamedFile
    digest: str
    size: int
    requires_python: str | None
    metadata_digest: str | None
