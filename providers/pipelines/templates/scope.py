"""What the expressions of a place may name, and the evaluation of one there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from providers.pipelines.definition.document import Node, Place, Scalar
from providers.pipelines.errors import Problem
from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.expressions.evaluation import Names, evaluate, grammar_of
from providers.pipelines.expressions.syntax import Expression, parse
from providers.pipelines.expressions.values import NotConvertible, Value, to_string
from providers.pipelines.templates.texts import Code, pieces, whole
from providers.pipelines.templates.views import node_of

CONTEXTS: Final = ("parameters", "variables")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Parameters, static variables, and the names of the each loops around."""

    parameters: Mapping[str, Value] = field(default_factory=dict)
    variables: Mapping[str, Value] = field(default_factory=dict)
    loops: Mapping[str, Value] = field(default_factory=dict)

    def within(self, name: str, value: Value) -> "Scope":
        """Inside a loop."""
        return replace(self, loops={**self.loops, name: value})

    def knowing(self, variables: Mapping[str, Value]) -> "Scope":
        """Where more variables stand above."""
        return replace(self, variables={**self.variables, **variables})

    def value(self, code: Code) -> Value:
        """ExpressionError counts its offset within the scalar."""
        expression = read(code, tuple(self.loops))
        names = Names(values={"parameters": self.parameters, "variables": self.variables, **self.loops})
        try:
            return evaluate(expression, names).value
        except ExpressionError as error:
            raise ExpressionError(str(error), code.offset + error.offset) from error

    def text(self, value: str) -> str:
        """The text with its expressions filled in."""
        return "".join(piece if isinstance(piece, str) else self._told(piece) for piece in pieces(value))

    def _told(self, code: Code) -> str:
        try:
            return to_string(self.value(code))
        except NotConvertible as error:
            raise ExpressionError(f"{error}: only a whole value can be one", code.offset) from error

    def filled(self, scalar: Scalar) -> Node:
        """A scalar that is one expression is what that answers, of any type."""
        code = whole(scalar.value)
        if code is None:
            return Scalar(scalar.place, self.text(scalar.value))
        return node_of(self.value(code), scalar.place)


def read(code: Code, loops: tuple[str, ...] | None) -> Expression:
    """The expression, without loops only its form; ExpressionError counts its offset within the scalar."""
    try:
        return _parsed(code.text, loops)
    except ExpressionError as error:
        raise ExpressionError(str(error), code.offset + error.offset) from error


@lru_cache(maxsize=8192)
def _parsed(text: str, loops: tuple[str, ...] | None) -> Expression:
    return parse(text, None if loops is None else grammar_of((*CONTEXTS, *loops), {}))


def problem_at(place: Place, text: str, error: ExpressionError) -> Problem:
    """The mistake where it stands when the scalar is on one line, else where the scalar begins."""
    column = place.column + error.offset if "\n" not in text else place.column
    return Place(place.line, column, place.file).problem(str(error))
