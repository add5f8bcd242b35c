"""Names of Python packages and their files: PEP 503 and PEP 440 through ``packaging``."""

import re
from typing import Final

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion

from providers.packages.errors import PackageInvalid
from providers.packages.values import FileKind, NamedFile

_FILENAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}")
_NAME: Final = re.compile(r"[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9]")


def canonical(name: str) -> str:
    """Lower case, with one hyphen where there are any of ``-_.``."""
    return str(canonicalize_name(name))


def named(filename: str) -> NamedFile:
    """What the file's name says; PackageInvalid for another kind of file."""
    if _FILENAME.fullmatch(filename) is None:
        raise PackageInvalid(f"{filename[:80]!r} is not a file's name: letters, digits and . _ + ! - pass")
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
            kind = FileKind.WHEEL
        elif filename.endswith(".tar.gz"):
            name, version = parse_sdist_filename(filename)
            kind = FileKind.SDIST
        else:
            raise PackageInvalid(f"{filename[:80]!r} is neither a wheel (.whl) nor an sdist (.tar.gz)")
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion) as error:
        raise PackageInvalid(f"{filename[:80]!r} does not tell a name and a version: {str(error)[:200]}") from error
    if _NAME.fullmatch(name) is None:
        raise PackageInvalid(f"{filename[:80]!r} begins with no name that a package may have")
    return NamedFile(filename=filename, name=str(name), version=str(version), kind=kind)
