"""TRX, the results of Visual Studio's test platform and of ``dotnet test``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from providers.pipelines.results.cases import Cases, milliseconds
from providers.pipelines.results.errors import ResultsInvalid
from providers.pipelines.results.values import NAME, CaseResult, Outcome, cut

MOST_DEFINITIONS: Final = 100_000
_PASSED: Final = {"passed", "passedbutrunaborted", "warning", "completed"}
_FAILED: Final = {"failed", "error", "timeout", "aborted", "disconnected"}
_DURATION: Final = re.compile(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")


@dataclass
class _Open:
    values: Mapping[str, str]
    said: dict[str, str]


class Trx(Cases):
    """The class of a test stands in a part of its own, which may follow the results: they are joined at the end."""

    roots: ClassVar = ("TestRun",)
    what: ClassVar = "TRX"

    def __init__(self) -> None:
        super().__init__()
        self._open: list[_Open] = []
        self._tests: list[str] = []
        self._classes: dict[str, str] = {}
        self._defined = ""

    def opened(self, name: str, values: Mapping[str, str]) -> None:
        """Results, and the definitions of tests."""
        if name == "UnitTestResult":
            self._open.append(_Open(values, {}))
        elif name == "UnitTest":
            self._defined = values.get("id", "")[:NAME]
        elif name == "TestMethod" and self.path[-2:-1] == ["UnitTest"]:
            if len(self._classes) >= MOST_DEFINITIONS:
                raise ResultsInvalid(f"over {MOST_DEFINITIONS} definitions of tests")
            self._classes[self._defined] = cut(values.get("className", "").partition(",")[0], NAME) or ""

    def closed(self, name: str, text: str) -> None:
        """A result with inner ones is told by them, row by row."""
        if name in ("Message", "StackTrace") and self._open and self.path[-2:-1] == ["ErrorInfo"]:
            self._open[-1].said.setdefault(name, text)
        elif name == "UnitTestResult":
            one = self._open.pop()
            said = one.values.get("outcome", "").lower()
            outcome = Outcome.PASSED if said in _PASSED else Outcome.FAILED if said in _FAILED else Outcome.SKIPPED
            ms, told = _milliseconds(one.values.get("duration", "")), one.said
            title = one.values.get("testName", "")
            self.add("", title, outcome, ms=ms, message=told.get("Message"), stack=told.get("StackTrace"))
            self._tests.append(one.values.get("testId", "")[:NAME])
        elif name == "TestRun":
            joined = zip(self.found, self._tests, strict=True)
            self.found = [_named(case, self._classes.get(test, "")) for case, test in joined]


def _named(case: CaseResult, suite: str) -> CaseResult:
    return replace(case, suite=suite, name=case.name.removeprefix(f"{suite}.")) if suite else case


def _milliseconds(duration: str) -> int | None:
    match = _DURATION.fullmatch(duration.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = match.groups()
    whole = int(days or 0) * 86_400 + int(hours) * 3_600 + int(minutes) * 60
    return milliseconds(str(whole + float(seconds)))
