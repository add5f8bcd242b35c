"""xUnit.net's XML, version 2."""

from collections.abc import Mapping
from typing import ClassVar, Final

from providers.pipelines.results.cases import Cases, milliseconds
from providers.pipelines.results.values import Outcome

_OUTCOMES: Final = {"pass": Outcome.PASSED, "fail": Outcome.FAILED}
_TEXTS: Final = {"message", "stack-trace", "reason"}


class Xunit(Cases):
    """The suite is the type; a name is shown without it."""

    roots: ClassVar = ("assemblies", "assembly")
    what: ClassVar = "xUnit"

    def __init__(self) -> None:
        super().__init__()
        self._values: Mapping[str, str] = {}
        self._said: dict[str, str] = {}

    def opened(self, name: str, values: Mapping[str, str]) -> None:
        """Where a test begins."""
        if name == "test":
            self._values, self._said = values, {}

    def closed(self, name: str, text: str) -> None:
        """What a test says, and where it is complete."""
        if name in _TEXTS and "test" in self.path[-3:-1]:
            self._said.setdefault(name, text)
        elif name == "test":
            suite, said = self._values.get("type", ""), self._said
            shown = self._values.get("name", "").removeprefix(f"{suite}.")
            outcome = _OUTCOMES.get(self._values.get("result", "").lower(), Outcome.SKIPPED)
            ms, message = milliseconds(self._values.get("time")), said.get("message", said.get("reason"))
            self.add(suite, shown, outcome, ms=ms, message=message, stack=said.get("stack-trace"))
