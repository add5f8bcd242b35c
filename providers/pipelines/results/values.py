"""What result files say, whatever tool wrote them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NAME: Final = 500
MESSAGE: Final = 4_000
STACK: Final = 16_000


class Outcome(StrEnum):
    """How a test case went."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseResult:
    """One test case; texts are cut at their bound, ``duration_ms`` is None where the file has no time."""

    suite: str
    name: str
    outcome: Outcome
    duration_ms: int | None = None
    message: str | None = None
    stack: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCoverage:
    """How much of one file was run; branches are 0 of 0 where nobody counted them."""

    path: str
    lines_covered: int
    lines: int
    branches_covered: int = 0
    branches: int = 0


class TestFormat(StrEnum):
    """What a file of test results is written in."""

    __test__ = False

    JUNIT = "JUNIT"
    NUNIT = "NUNIT"
    XUNIT = "XUNIT"
    TRX = "TRX"


def cut(text: str | None, most: int) -> str | None:
    """At most so many characters, without NUL, which no database keeps; None when it says nothing."""
    kept = (text or "").replace("\0", "").strip()
    return (kept if len(kept) <= most else kept[: most - 1] + "…") or None
