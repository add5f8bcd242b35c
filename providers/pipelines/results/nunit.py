"""NUnit's XML, of version 3 and of version 2."""

from collections.abc import Mapping
from typing import ClassVar, Final

from providers.pipelines.results.cases import Cases, milliseconds
from providers.pipelines.results.values import Outcome

_OUTCOMES: Final = {
    "passed": Outcome.PASSED,
    "success": Outcome.PASSED,
    "warning": Outcome.PASSED,
    "failed": Outcome.FAILED,
    "failure": Outcome.FAILED,
    "error": Outcome.FAILED,
    "cancelled": Outcome.FAILED,
}
_TEXTS: Final = {"message", "stack-trace"}


class Nunit(Cases):
    """A case without a class, as version 2 has it, belongs to what stands before the last dot of its name."""

    roots: ClassVar = ("test-run", "test-results")
    what: ClassVar = "NUnit"

    def __init__(self) -> None:
        super().__init__()
        self._values: Mapping[str, str] = {}
        self._said: dict[str, str] = {}

    def opened(self, name: str, values: Mapping[str, str]) -> None:
        """Where a case begins."""
        if name == "test-case":
            self._values, self._said = values, {}

    def closed(self, name: str, text: str) -> None:
        """What a case says, and where it is complete."""
        if name in _TEXTS and self.path[-3:-2] == ["test-case"]:
            self._said.setdefault(name, text)
        elif name == "test-case":
            values, full = self._values, self._values.get("name", "")
            before, _, _ = full.partition("(")[0].rpartition(".")
            in_class = values.get("classname")
            suite = before if in_class is None else in_class
            name = full if in_class is not None or not before else full[len(before) + 1 :]
            outcome = _OUTCOMES.get(values.get("result", "").lower(), Outcome.SKIPPED)
            ms = milliseconds(values.get("duration", values.get("time")))
            self.add(
                suite, name, outcome, ms=ms, message=self._said.get("message"), stack=self._said.get("stack-trace")
            )
