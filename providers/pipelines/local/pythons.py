"""The Python interpreters of this machine, by version."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from providers.pipelines.local.workspace import PATH

_ASK: Final = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
_NAME: Final = re.compile(r"python3\.\d{1,3}")
_SPEC: Final = re.compile(r"(>=|==|=)?\s*v?(\d{1,3})(?:\.(\d{1,3}|[xX*]))?(?:\.(\d{1,3}|[xX*]))?")
SECONDS: Final = 10.0
Version = tuple[int, int, int]


class NoPython(ValueError):
    """Which versions there are instead."""


@cache
def interpreters() -> dict[Version, Path]:
    """Those that steps can run, the one of this process among them; asked once."""
    found: dict[Version, Path] = {}
    for folder in PATH.split(":"):
        place = Path(folder)
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            version = _version(path) if _NAME.fullmatch(path.name) else None
            if version is not None:
                found.setdefault(version, path)
    found.setdefault(sys.version_info[:3], Path(sys.base_prefix, "bin", "python3"))
    return found


def _version(path: Path) -> Version | None:
    try:
        said = subprocess.run([path, "-I", "-c", _ASK], capture_output=True, text=True, timeout=SECONDS, env={})
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = said.stdout.strip().split(".")
    return (int(numbers[0]), int(numbers[1]), int(numbers[2])) if len(numbers) == 3 else None


def python_for(spec: str) -> tuple[Version, Path]:
    """The newest that a specification such as 3.x, 3.11 or >=3.9 means; NoPython."""
    match = _SPEC.fullmatch(spec.strip())
    there = ", ".join(".".join(map(str, version)) for version in sorted(interpreters()))
    if match is None:
        raise NoPython(f"versionSpec {spec!r} is not read: 3.x, 3.11, 3.11.4 or >=3.9 pass; here there are {there}")
    wanted = [int(one) for one in match.groups()[1:] if one is not None and one.isdigit()]
    if match[1] == ">=":
        fitting = [version for version in interpreters() if list(version) >= wanted]
    else:
        fitting = [version for version in interpreters() if list(version[: len(wanted)]) == wanted]
    if not fitting:
        raise NoPython(f"no Python {spec} on this machine: here there are {there}")
    return max(fitting), interpreters()[max(fitting)]
