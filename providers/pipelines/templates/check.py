"""Every expression of a file is read before any is evaluated, also those of branches that are not taken.

What they name is looked at when they are evaluated only, as Azure Pipelines does.
"""

from collections.abc import Iterator

from providers.pipelines.definition.document import Entries, Items, Node, Scalar
from providers.pipelines.errors import Problem
from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.templates.scope import problem_at, read
from providers.pipelines.templates.texts import OPEN, Code, directive, pieces


def mistakes(node: Node) -> Iterator[Problem]:
    """What cannot be read, in the order of the file."""
    match node:
        case Scalar():
            yield from _of_scalar(node, is_key=False)
        case Items():
            for item in node.items:
                yield from mistakes(item)
        case Entries():
            for key, value in node.entries:
                yield from _of_scalar(key, is_key=True)
                yield from mistakes(value)


def _of_scalar(scalar: Scalar, *, is_key: bool) -> Iterator[Problem]:
    if OPEN not in scalar.value:
        return
    try:
        decides = directive(scalar.value)
        if decides is not None and not is_key:
            yield scalar.place.problem(f"{decides.word} is a key: end it with a colon")
        elif decides is None:
            for piece in pieces(scalar.value):
                if isinstance(piece, Code):
                    read(piece, None)
        elif decides.word in ("if", "elseif", "each"):
            read(decides.code, None)
    except ExpressionError as error:
        yield problem_at(scalar.place, scalar.value, error)
