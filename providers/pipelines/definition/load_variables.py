"""The ``variables`` of a pipeline, stage or job."""

from collections.abc import Mapping

from providers.pipelines.definition.conditions import runtime_of
from providers.pipelines.definition.document import Entries, Items, Node, Scalar
from providers.pipelines.definition.fields import Fields, Problems
from providers.pipelines.expressions.errors import ExpressionError


def read_variables(problems: Problems, fields: Fields) -> Mapping[str, str]:
    """A mapping, or a list of ``name`` and ``value``."""
    node = fields.node("variables")
    _check_runtime(problems, node)
    if not isinstance(node, Items):
        return fields.mapping("variables")
    found: dict[str, str] = {}
    for item in node.items:
        variable = Fields.of(problems, item, "a variable")
        if variable is None:
            continue
        name, value = variable.text("name"), variable.text("value")
        variable.rest()
        if name is None or value is None:
            problems.add(item.place, "a variable of a list has a name and a value")
        else:
            found[name] = value
    return found


def _check_runtime(problems: Problems, node: Node | None) -> None:
    """A value in ``$[ ]`` is computed during the run, and read before it."""
    items = node.items if isinstance(node, Items) else (node,)
    for item in items:
        for _, value in item.entries if isinstance(item, Entries) else ():
            if isinstance(value, Scalar):
                try:
                    runtime_of(value.value)
                except ExpressionError as error:
                    problems.add(value.place, f"{value.value!r}: {error}")
