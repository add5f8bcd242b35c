"""How much a file may become when it is unpacked, so that a bomb is refused before anybody unpacks it."""

from pathlib import PurePosixPath
from typing import Final

from providers.packages.errors import PackageInvalid

ALWAYS: Final = 64 * 1_048_576
RATIO: Final = 50
MOST_ENTRIES: Final = 50_000


def most_unpacked(size: int) -> int:
    """64 MiB, or fifty times the file when that is more."""
    return max(ALWAYS, RATIO * size)


def check_path(path: str, filename: str) -> None:
    """PackageInvalid for what would be unpacked elsewhere."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise PackageInvalid(f"{filename} has the entry {path[:80]!r}, which lies outside of it")
