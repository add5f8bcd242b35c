"""Variables of a job: predefined ones, then the pipeline's, the stage's and the job's; names whatever their case."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from providers.pipelines.definition.conditions import computed
from providers.pipelines.expressions.values import Value

_MACRO: Final = re.compile(r"\$\(([A-Za-z_][\w.\- ]*)\)")
_DEEPEST: Final = 50
MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Variable:
    """A secret one is in no step's environment; a fixed one cannot be set by a step."""

    name: str
    value: str
    secret: bool = False
    fixed: bool = False


class Variables(Mapping[str, str]):
    """Later layers cover earlier ones; names keep the case that they were first given in. Steps may set more."""

    def __init__(self, *layers: Mapping[str, str], fixed: tuple[Mapping[str, str], ...] = ()) -> None:
        self._values: dict[str, Variable] = {}
        for layer in layers:
            for name, value in layer.items():
                self._values[name.lower()] = Variable(name, value)
        for layer in fixed:
            for name, value in layer.items():
                self._values[name.lower()] = Variable(name, value, fixed=True)
        self._secrets: set[str] = set()

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()].value

    def __iter__(self) -> Iterator[str]:
        return (variable.name for variable in self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def compute(self, contexts: Mapping[str, Value]) -> None:
        """Values in ``$[ ]`` become what they come to, each knowing those before it; ExpressionError."""
        for key, one in list(self._values.items()):
            value = computed(one.value, {"variables": self, **contexts})
            self._values[key] = Variable(one.name, value, one.secret, one.fixed)

    def set(self, name: str, value: str, *, secret: bool = False, fixed: bool = False) -> bool:
        """By a step, for those after it; False when the name cannot be set."""
        old = self._values.get(name.lower())
        if old is not None and old.fixed:
            return False
        kept = old is not None and old.secret
        self._values[name.lower()] = Variable(old.name if old else name, value, secret or kept, fixed)
        if secret or kept:
            self.hide(value)
        return True

    def hide(self, value: str) -> None:
        """Never shown again in what is masked, nor are its lines."""
        self._secrets.update(line for line in (value, *value.splitlines()) if line.strip())

    def masked(self, text: str) -> str:
        """The text without a secret in it."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def expand(self, text: str, depth: int = 0) -> str:
        """``$(x)`` replaced by the variable; one that is not known stays as it is, as do cycles."""

        def value(match: re.Match[str]) -> str:
            found = self._values.get(match[1].lower())
            if found is None:
                return match[0]
            return self.expand(found.value, depth + 1) if depth < _DEEPEST else found.value

        return _MACRO.sub(value, text)

    def environment(self) -> dict[str, str]:
        """As steps see them: upper case, with '_' for '.' and space; without secrets."""
        return {
            one.name.upper().replace(".", "_").replace(" ", "_").replace("-", "_"): self.expand(one.value)
            for one in self._values.values()
            if not one.secret
        }
