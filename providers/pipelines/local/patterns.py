"""Patterns of files as Azure's tasks take them: one a line, ``*``, ``?``, ``[ ]`` and ``**``, ``!`` excludes."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

MOST_PATTERNS: Final = 100
LONGEST: Final = 500


class Patterns:
    """Later lines go before earlier ones; ``ValueError`` for more than anybody writes by hand."""

    def __init__(self, lines: Iterable[str]) -> None:
        written = [line.strip() for line in lines]
        self._rules: list[tuple[bool, Sequence[str]]] = []
        for line in (line for line in written if line and not line.startswith("#")):
            excludes = line.startswith("!")
            pattern = line.removeprefix("!").strip().removeprefix("./")
            if len(pattern) > LONGEST or len(self._rules) == MOST_PATTERNS:
                raise ValueError(f"at most {MOST_PATTERNS} patterns of {LONGEST} characters are read")
            self._rules.append((not excludes, _segments(pattern)))

    def matches(self, path: str) -> bool:
        """Whether a path with ``/`` is meant."""
        meant = False
        segments = path.split("/")
        for includes, pattern in self._rules:
            if meant is not includes and _fits(pattern, segments):
                meant = includes
        return meant


def _segments(pattern: str) -> Sequence[str]:
    segments: list[str] = []
    for one in pattern.rstrip("/").split("/"):
        if one != "**" or segments[-1:] != ["**"]:
            segments.append(one)
    return segments


def _fits(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """A place in the path for each place in the pattern, all at once, so that no pattern takes long."""
    places = {0}
    for one in pattern:
        if one == "**":
            places = set(range(min(places), len(path) + 1)) if places else places
        else:
            places = {at + 1 for at in places if at < len(path) and fnmatchcase(path[at], one)}
    return len(path) in places
