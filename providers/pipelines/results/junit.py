"""JUnit's XML, as pytest, Maven, Gradle, Jest and most others write it."""

from collections.abc import Mapping
from typing import ClassVar, Final

from providers.pipelines.results.cases import Cases, milliseconds
from providers.pipelines.results.values import Outcome

_SAYS: Final = {"failure": Outcome.FAILED, "error": Outcome.FAILED, "skipped": Outcome.SKIPPED}


class Junit(Cases):
    """A case fails by a failure or an error; its suite is its class or, without one, the suite it stands in."""

    roots: ClassVar = ("testsuites", "testsuite")
    what: ClassVar = "JUnit"

    def __init__(self) -> None:
        super().__init__()
        self._suites: list[str] = []
        self._values: Mapping[str, str] = {}
        self._outcome = Outcome.PASSED
        self._message: str | None = None
        self._stack: str | None = None

    def opened(self, name: str, values: Mapping[str, str]) -> None:
        """Where a case or what it says begins."""
        if name == "testsuite":
            self._suites.append(values.get("name", ""))
        elif name == "testcase":
            self._values, self._outcome, self._message, self._stack = values, Outcome.PASSED, None, None
        elif name in _SAYS and self.path[-2:-1] == ["testcase"] and self._outcome is not Outcome.FAILED:
            self._outcome, self._message, self._stack = _SAYS[name], values.get("message"), None

    def closed(self, name: str, text: str) -> None:
        """Where one is complete."""
        if name == "testsuite":
            self._suites.pop()
        elif name in _SAYS and self.path[-2:-1] == ["testcase"] and self._stack is None:
            self._stack = text if _SAYS[name] is self._outcome else None
        elif name == "testcase":
            suite = self._values.get("classname") or (self._suites[-1] if self._suites else "")
            ms = milliseconds(self._values.get("time"))
            self.add(
                suite, self._values.get("name", ""), self._outcome, ms=ms, message=self._message, stack=self._stack
            )
