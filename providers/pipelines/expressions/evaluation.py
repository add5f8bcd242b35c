"""What an expression comes to, and what was seen on the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.expressions.functions import FUNCTIONS, SHORT_CIRCUIT, Function
from providers.pipelines.expressions.syntax import Call, Expression, Grammar, Literal, Member, Name, Node
from providers.pipelines.expressions.values import (
    Closed,
    NotConvertible,
    Value,
    to_boolean,
    to_number,
    to_string,
    told,
)

MOST_SEEN: Final = 50


@dataclass(frozen=True, kw_only=True)
class Names:
    """What stands behind the names of a grammar; functions of the place are given their values."""

    values: Mapping[str, Value]
    functions: Mapping[str, Function] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value, and each part of the expression that was looked up or called, in order, with what it was."""

    value: Value
    seen: tuple[tuple[str, Value], ...]

    def told(self) -> str:
        """The parts with their values, as a person reads why a condition was false."""
        return ", ".join(f"{text} is {told(value)}" for text, value in self.seen)


def grammar_of(names: Sequence[str], arities: Mapping[str, tuple[int, int | None]]) -> Grammar:
    """The grammar of a place: its names and own functions beside those that are everywhere."""
    everywhere = {**SHORT_CIRCUIT, **{name: arity for name, (arity, _) in FUNCTIONS.items()}}
    return Grammar(names=frozenset(names), functions={**everywhere, **arities})


def evaluate(expression: Expression, names: Names) -> Outcome:
    """ExpressionError tells the function that could not take its values."""
    seen: dict[str, Value] = {}
    value = _Evaluation(expression, names, seen).of(expression.root)
    return Outcome(value, tuple(seen.items()))


@dataclass(frozen=True, slots=True)
class _Evaluation:
    expression: Expression
    names: Names
    seen: dict[str, Value]

    def of(self, node: Node) -> Value:
        match node:
            case Literal():
                return node.value
            case Name():
                return self.names.values.get(node.name)
            case Member():
                return self._see(node, self._member(node))
            case Call():
                return self._see(node, self._called(node))

    def _see(self, node: Node, value: Value) -> Value:
        if len(self.seen) < MOST_SEEN:
            self.seen.setdefault(self.expression.source(node), value)
        return value

    def _called(self, node: Call) -> Value:
        if node.name in SHORT_CIRCUIT:
            return self._first(node)
        call: Callable[[Sequence[Value]], Value] = self.names.functions.get(node.name) or FUNCTIONS[node.name][1]
        values = [self.of(argument) for argument in node.arguments]
        try:
            return call(values)
        except NotConvertible as error:
            raise ExpressionError(f"{self.expression.source(node)}: {error}", node.start) from error
        except ExpressionError as error:
            raise ExpressionError(str(error), node.start) from error

    def _first(self, node: Call) -> Value:
        """Values after the one that decides are not looked at."""
        for argument in node.arguments:
            value = self.of(argument)
            if node.name == "coalesce" and value is not None and value != "":
                return value
            if node.name != "coalesce" and to_boolean(value) is (node.name == "or"):
                return node.name == "or"
        return None if node.name == "coalesce" else node.name == "and"

    def _member(self, node: Member) -> Value:
        of = self.of(node.of)
        if node.key is None:
            return _all(of)
        key = self.of(node.key)
        try:
            return self._under(of, key)
        except ExpressionError as error:
            raise ExpressionError(str(error), node.key.start) from error

    def _under(self, of: Value, key: Value) -> Value:
        if isinstance(of, _Filtered):
            return _Filtered(found for item in of if (found := member(item, key)) is not None)
        return member(of, key)


class _Filtered(tuple[Value, ...]):
    """What ``*`` answers: a member of it is that member of each item that has one."""


def _all(value: Value) -> Value:
    if isinstance(value, _Filtered):
        return _Filtered(inner for item in value for inner in _all_of(item))
    return _Filtered(_all_of(value))


def _all_of(value: Value) -> Sequence[Value]:
    if isinstance(value, Mapping):
        return tuple(value.values())
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def member(of: Value, key: Value) -> Value:
    """Null for what is not there; keys are compared without regard to case, arrays count from 0."""
    if isinstance(of, Mapping):
        try:
            wanted = to_string(key)
        except NotConvertible:
            return None
        if wanted in of:
            return of[wanted]
        folded = wanted.casefold()
        found = next((name for name in of if name.casefold() == folded), None)
        if found is None and isinstance(of, Closed):
            raise ExpressionError(f"there is no '{wanted}' here: {', '.join(of) or 'nothing'} is declared")
        return None if found is None else of[found]
    if isinstance(of, Sequence) and not isinstance(of, str):
        try:
            index = int(to_number(key))
        except NotConvertible:
            return None
        return of[index] if 0 <= index < len(of) else None
    return None
