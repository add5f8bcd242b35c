"""Whether a stage, job or step runs, after how it went before; a skip tells the condition and what it saw."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.expressions.evaluation import Names, Outcome, evaluate, grammar_of
from providers.pipelines.expressions.syntax import Arity, Expression, parse
from providers.pipelines.expressions.values import Value, to_boolean, to_string, told
from providers.pipelines.values import Status

DEFAULT: Final = "succeeded()"
CONTEXTS: Final = ("variables", "dependencies", "stagedependencies")
STATUS_FUNCTIONS: Final[Mapping[str, Arity]] = {
    "always": (0, 0),
    "canceled": (0, 0),
    "failed": (0, None),
    "succeeded": (0, None),
    "succeededorfailed": (0, None),
}
_GOOD: Final = frozenset({Status.SUCCEEDED, Status.SUCCEEDED_WITH_ISSUES})
_RUNTIME: Final = re.compile(r"\s*\$\[(?P<text>.*)\]\s*", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How what a condition looks at went, by name, and the contexts it may name; ``canceled`` is the run's."""

    before: Mapping[str, Status]
    canceled: bool = False
    contexts: Mapping[str, Value] = field(default_factory=dict)

    def functions(self) -> Mapping[str, Callable[[Sequence[Value]], Value]]:
        """The status functions; with names they look at these only."""
        return {
            "always": lambda names: True,
            "canceled": lambda names: self.canceled,
            "failed": lambda names: not self.canceled and Status.FAILED in self._of(names),
            "succeeded": lambda names: not self.canceled and all(one in _GOOD for one in self._of(names)),
            "succeededorfailed": lambda names: not self.canceled,
        }

    def _of(self, names: Sequence[Value]) -> Sequence[Status | None]:
        if not names:
            return list(self.before.values())
        folded = {name.casefold(): status for name, status in self.before.items()}
        return [folded.get(to_string(name).casefold()) for name in names]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """``explanation`` is for people, when it does not run; ``broken`` when the condition could not be evaluated."""

    runs: bool
    explanation: str | None = None
    broken: bool = False


@lru_cache(maxsize=4096)
def condition_of(text: str) -> Expression:
    """ExpressionError when it cannot be read, or names what a condition cannot see."""
    return parse(text, grammar_of(CONTEXTS, STATUS_FUNCTIONS))


@lru_cache(maxsize=4096)
def runtime_of(value: str) -> Expression | None:
    """The expression that a variable's value is when it stands in ``$[ ]``; ExpressionError when it cannot be read."""
    match = _RUNTIME.fullmatch(value)
    return None if match is None else parse(match["text"], grammar_of(CONTEXTS, {}))


def computed(value: str, contexts: Mapping[str, Value]) -> str:
    """A variable's value as the run begins to need it; ExpressionError when its expression cannot be evaluated."""
    expression = runtime_of(value)
    if expression is None:
        return value
    result = evaluate(expression, Names(values=contexts)).value
    return to_string(result)


def decide(condition: str | None, standing: Standing) -> Verdict:
    """By the condition, or the default one."""
    text = condition or DEFAULT
    try:
        outcome = evaluate(condition_of(text), Names(values=standing.contexts, functions=standing.functions()))
    except ExpressionError as error:
        return Verdict(runs=False, explanation=f"{text} cannot be evaluated: {error}", broken=True)
    runs = to_boolean(outcome.value)
    return Verdict(runs=runs, explanation=None if runs else _explained(text, outcome, standing))


def _explained(text: str, outcome: Outcome, standing: Standing) -> str:
    if standing.canceled:
        return f"{text} is false: the run was canceled"
    saw = [f"{part} is {told(value)}" for part, value in outcome.seen if part != text]
    if "(" in text and any(name in text.lower() for name in ("succeeded", "failed")):
        saw += [f"{name} {status.value}" for name, status in standing.before.items()] or ["nothing before"]
    return f"{text} is false: {', '.join(saw) or 'as it is written'}"
