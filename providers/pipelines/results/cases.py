"""Listeners that collect test cases: what the formats share."""

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from providers.pipelines.results.errors import ResultsInvalid
from providers.pipelines.results.values import MESSAGE, NAME, STACK, CaseResult, Outcome, cut

MOST_CASES: Final = 20_000
MOST_KEPT_CHARACTERS: Final = 32 * 1024 * 1024
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,9})?|\.\d{1,9}")
_LONGEST_MS: Final = 2**31 - 1


class Cases:
    """Refuses a file whose first element is none of ``roots``; ``found`` is in the order of the file."""

    roots: ClassVar[tuple[str, ...]] = ()
    what: ClassVar[str] = ""

    def __init__(self) -> None:
        self.found: list[CaseResult] = []
        self.path: list[str] = []
        self._kept = 0

    def begin(self, name: str, values: Mapping[str, str]) -> None:
        """The root is looked at, the rest handed on."""
        if not self.path and name not in self.roots:
            raise ResultsInvalid(f"{self.what} begins with {' or '.join(self.roots)}, not with {name[:100]!r}")
        self.path.append(name)
        self.opened(name, values)

    def end(self, name: str, text: str) -> None:
        """As it begins."""
        self.closed(name, text)
        self.path.pop()

    def opened(self, name: str, values: Mapping[str, str]) -> None:
        """An element, whose name stands last in the path."""

    def closed(self, name: str, text: str) -> None:
        """The same with its text; its name still stands last in the path."""

    def add(
        self, suite: str, name: str, outcome: Outcome, *, ms: int | None, message: str | None, stack: str | None
    ) -> None:
        """One more, cut to its bounds."""
        if len(self.found) >= MOST_CASES:
            raise ResultsInvalid(f"over {MOST_CASES} test cases: split it into several files")
        told, trace = cut(message, MESSAGE), cut(stack, STACK)
        self._kept += len(told or "") + len(trace or "")
        if self._kept > MOST_KEPT_CHARACTERS:
            raise ResultsInvalid(f"messages and stacks over {MOST_KEPT_CHARACTERS // 1024**2} MiB")
        self.found.append(
            CaseResult(
                suite=cut(suite, NAME) or "",
                name=cut(name, NAME) or "(no name)",
                outcome=outcome,
                duration_ms=ms,
                message=told,
                stack=trace,
            )
        )


def milliseconds(seconds: str | None) -> int | None:
    """Of seconds as they are written, also with thousands set apart; None when they are not a time."""
    text = (seconds or "").strip().replace(",", "")
    return min(round(float(text) * 1000), _LONGEST_MS) if _SECONDS.fullmatch(text) else None
