"""Cobertura's XML, as coverage.py, Coverlet, gcovr and Istanbul write it."""

import re
from collections.abc import Mapping
from typing import Final

from providers.pipelines.results.errors import ResultsInvalid
from providers.pipelines.results.values import NAME, FileCoverage, cut

MOST_FILES: Final = 5_000
MOST_LINES: Final = 500_000
_BRANCHES: Final = re.compile(r"\d{1,3}(?:[.,]\d+)?\s*%\s*\((\d{1,6})\s*/\s*(\d{1,6})\)")
_Line = tuple[bool, int, int]


class Cobertura:
    """Classes of one file are taken together: a line is covered when any of them has run it."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._files: dict[str, dict[int, _Line]] = {}
        self._file: dict[int, _Line] = {}
        self._lines = 0

    def begin(self, name: str, values: Mapping[str, str]) -> None:
        """Classes and their lines."""
        if not self._path and name != "coverage":
            raise ResultsInvalid(f"Cobertura begins with coverage, not with {name[:100]!r}")
        self._path.append(name)
        if name == "class":
            self._file = self._of(cut(values.get("filename"), NAME) or "(no file)")
        elif name == "line" and self._path[-3:-1] == ["class", "lines"]:
            self._line(values)

    def end(self, name: str, text: str) -> None:
        """Nothing that counts is told as text."""
        self._path.pop()

    def _of(self, path: str) -> dict[int, _Line]:
        if path not in self._files and len(self._files) >= MOST_FILES:
            raise ResultsInvalid(f"over {MOST_FILES} files: leave out what is not yours")
        return self._files.setdefault(path, {})

    def _line(self, values: Mapping[str, str]) -> None:
        number, hits = values.get("number", ""), values.get("hits", "")
        if not (_is_count(number) and _is_count(hits)):
            raise ResultsInvalid(f"a line with number {number[:40]!r} and hits {hits[:40]!r}: whole numbers pass")
        at = int(number)
        if at not in self._file:
            self._lines += 1
            if self._lines > MOST_LINES:
                raise ResultsInvalid(f"over {MOST_LINES} lines: split it into several files")
        covered, branches_covered, branches = self._file.get(at, (False, 0, 0))
        match = _BRANCHES.match(values.get("condition-coverage", ""))
        taken, there = (int(match[1]), int(match[2])) if match else (0, 0)
        there = max(branches, there)
        self._file[at] = (covered or int(hits) > 0, min(max(branches_covered, taken), there), there)

    @property
    def found(self) -> list[FileCoverage]:
        """By path; a file without lines is none."""
        return [_counted(path, lines) for path, lines in sorted(self._files.items()) if lines]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _counted(path: str, lines: Mapping[int, _Line]) -> FileCoverage:
    return FileCoverage(
        path=path,
        lines_covered=sum(covered for covered, _, _ in lines.values()),
        lines=len(lines),
        branches_covered=sum(taken for _, taken, _ in lines.values()),
        branches=sum(there for _, _, there in lines.values()),
    )
