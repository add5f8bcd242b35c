"""The parameters that a file declares, and the values that they are given."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from providers.pipelines.definition.document import Entries, Items, Node, Place, Scalar
from providers.pipelines.expressions.values import Closed, Value, number_of
from providers.pipelines.templates.views import value_of

Report = Callable[[Place, str], None]
SCALARS: Final = frozenset({"string", "number", "boolean", "filepath", "pool", "securefile", "serviceconnection"})
MAPPINGS: Final = frozenset({"step", "job", "deployment", "stage", "container"})
LISTS: Final = frozenset({"stringlist", "steplist", "joblist", "deploymentlist", "stagelist", "containerlist"})
FREE: Final = frozenset({"object", "legacyobject", "environment"})
TYPES: Final = SCALARS | MAPPINGS | LISTS | FREE


def bound(declared: Node | None, given: Mapping[str, Node], place: Place, report: Report) -> Mapping[str, Value]:
    """The value of each parameter; what is missing, unexpected or of another type is told where it stands."""
    if declared is None or isinstance(declared, Entries):
        return _untyped(declared, given)
    if not isinstance(declared, Items):
        report(declared.place, "parameters is a list of names with types, or a mapping of names to defaults")
        return {}
    values = Closed()
    left = {name.casefold(): node for name, node in given.items()}
    for item in declared.items:
        parameter = _declaration(item, report)
        if parameter is None:
            continue
        name, fields = parameter
        node = left.pop(name.casefold(), fields.get("default"))
        if node is None:
            report(place, f"A value for the '{name}' parameter must be provided.")
        else:
            values[name] = _typed(name, fields, node, report)
    for node in left.values():
        name = next(name for name, other in given.items() if other is node)
        known = ", ".join(values) or "none"
        report(node.place, f"Unexpected parameter '{name}': the template declares {known}")
    return values


def _untyped(declared: Entries | None, given: Mapping[str, Node]) -> Mapping[str, Value]:
    """The older way: any value passes, and names that are not declared too."""
    defaults = {} if declared is None else {key.value: node for key, node in declared.entries}
    return {name: value_of(node) for name, node in {**defaults, **given}.items()}


def _declaration(item: Node, report: Report) -> tuple[str, Mapping[str, Node]] | None:
    fields = {key.value: node for key, node in item.entries} if isinstance(item, Entries) else {}
    name = fields.get("name")
    if not isinstance(name, Scalar) or not name.value:
        report(item.place, "a parameter has a name")
        return None
    for key in fields.keys() - {"name", "type", "default", "values", "displayName"}:
        report(item.place, f"a parameter has name, type, default, values and displayName, not {key!r}")
    kind = fields.get("type")
    if kind is not None and (not isinstance(kind, Scalar) or kind.value.lower() not in TYPES):
        report(
            kind.place,
            "a parameter is of type string, number, boolean, object, or of step, job, stage or a list of these",
        )
        return None
    return name.value, fields


def _typed(name: str, fields: Mapping[str, Node], node: Node, report: Report) -> Value:
    declared = fields.get("type")
    kind = declared.value.lower() if isinstance(declared, Scalar) else "string"
    value = _converted(name, kind, node, report)
    allowed = fields.get("values")
    if isinstance(allowed, Items):
        texts = [item.value for item in allowed.items if isinstance(item, Scalar)]
        chosen = node.items if isinstance(node, Items) else (node,)
        if any(not isinstance(one, Scalar) or one.value not in texts for one in chosen):
            report(node.place, f"parameter '{name}' is one of {', '.join(texts)}")
    return value


def _converted(name: str, kind: str, node: Node, report: Report) -> Value:
    """Of a wrong type it is told, and stands as the empty string."""
    if kind in FREE:
        return value_of(node)
    if kind in LISTS:
        return _shaped(name, kind, node, Items, "a list", report)
    if kind in MAPPINGS:
        return _shaped(name, kind, node, Entries, "a mapping", report)
    if not isinstance(node, Scalar):
        report(node.place, f"A {_shape(node)} was not expected: parameter '{name}' is a {kind}")
        return ""
    if kind == "boolean":
        if node.value.lower() in ("true", "false"):
            return node.value.lower() == "true"
        report(node.place, f"parameter '{name}' is true or false, not {node.value!r}")
        return False
    if kind == "number":
        number = number_of(node.value)
        if number is None:
            report(node.place, f"parameter '{name}' is a number, not {node.value!r}")
        return Decimal(0) if number is None else number
    return node.value


def _shaped(name: str, kind: str, node: Node, shape: type[Node], what: str, report: Report) -> Value:
    if isinstance(node, shape):
        return value_of(node)
    if isinstance(node, Scalar) and not node.value:
        return []
    report(node.place, f"A {_shape(node)} was not expected: parameter '{name}' is {what} ({kind})")
    return []


def _shape(node: Node) -> str:
    return "sequence" if isinstance(node, Items) else "mapping" if isinstance(node, Entries) else "scalar"
