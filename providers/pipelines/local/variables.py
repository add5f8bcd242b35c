"""Variables of a job: predefined ones, then the pipeline's, the stage's and the job's; names whatever their case."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_MACRO: Final = re.compile(r"\$\(([A-Za-z_][\w.\- ]*)\)")
_DEEPEST: Final = 50


class Variables(Mapping[str, str]):
    """Later ones cover earlier ones; names keep the case that they were first given in."""

    def __init__(self, *layers: Mapping[str, str]) -> None:
        self._values: dict[str, tuple[str, str]] = {}
        for layer in layers:
            for name, value in layer.items():
                self._values[name.lower()] = (name, value)

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def expand(self, text: str, depth: int = 0) -> str:
        """``$(x)`` replaced by the variable; one that is not known stays as it is, as do cycles."""

        def value(match: re.Match[str]) -> str:
            found = self._values.get(match[1].lower())
            if found is None:
                return match[0]
            return self.expand(found[1], depth + 1) if depth < _DEEPEST else found[1]

        return _MACRO.sub(value, text)

    def environment(self) -> dict[str, str]:
        """As steps see them: upper case, with '_' for '.' and space."""
        return {
            name.upper().replace(".", "_").replace(" ", "_").replace("-", "_"): self.expand(value)
            for name, value in self._values.values()
        }
