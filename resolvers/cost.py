"""What an operation costs: an object 2, a scalar 1, times the page size asked for.

A document is priced once; a page size that is a variable stays open until the operation is asked for. Fragments are
counted where they are spread, each priced once, so that neither a cycle nor an explosion of them is walked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from schema.connections import PAGE
from services.platform.lineage import EDGES_PER_NODE

OBJECT, SCALAR = 2, 1
_SIZES = (("first", "last"), ("depth",), ("ids",))
_EACH = {"LineageEdge": EDGES_PER_NODE}


@dataclass(frozen=True, slots=True)
class Variable:
    """A page size, or a list of ids, that the variables tell."""

    name: str
    default: int

    def value(self, variables: Mapping[str, Any]) -> int:
        """The size asked for; a malformed one counts as the default and is refused when it is coerced."""
        given = variables.get(self.name, self.default)
        if isinstance(given, list):
            return len(given)
        return max(given, 0) if isinstance(given, int) and not isinstance(given, bool) else self.default


@dataclass(frozen=True, slots=True, eq=False)
class Open:
    """A cost that depends on variables: a constant and products of a size and a cost."""

    constant: int
    products: tuple[tuple["int | Variable", "Price"], ...]


Price = int | Open


def cost(price: Price, variables: Mapping[str, Any]) -> int:
    """The price with these variables."""
    return price if isinstance(price, int) else _evaluate(price, variables, {})


def _evaluate(price: Open, variables: Mapping[str, Any], known: dict[int, int]) -> int:
    if id(price) not in known:
        total = price.constant
        for size, each in price.products:
            times = size if isinstance(size, int) else size.value(variables)
            total += times * (each if isinstance(each, int) else _evaluate(each, variables, known))
        known[id(price)] = total
    return known[id(price)]


def price_of(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Price:
    """The price of a validated operation."""
    root = schema.get_root_type(operation.operation)
    fixed, each = _Pricing(schema, operation, fragments).selections(root, operation.selection_set)
    return _sum([(1, fixed), (1, each)])


class _Pricing:
    """Each set of selections has two prices: what is there once, and what is there for each item of the page."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._known: dict[str, tuple[Price, Price]] = {}
        self._defaults = {v.variable.name.value: v.default_value for v in operation.variable_definitions or ()}

    def selections(self, parent: Any, selected: SelectionSetNode) -> tuple[Price, Price]:
        fixed: list[tuple[int | Variable, Price]] = []
        each: list[tuple[int | Variable, Price]] = []
        for selection in selected.selections:
            if isinstance(selection, FieldNode):
                price, listed = self._field(parent, selection)
                (each if listed else fixed).append((1, price))
                continue
            below = self._spread(parent, selection)
            fixed.append((1, below[0]))
            each.append((1, below[1]))
        return _sum(fixed), _sum(each)

    def _spread(self, parent: Any, selection: Any) -> tuple[Price, Price]:
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            on = parent if condition is None else self._schema.get_type(condition.name.value)
            return self.selections(on, selection.selection_set)
        assert isinstance(selection, FragmentSpreadNode)
        name = selection.name.value
        if name not in self._known:
            fragment = self._fragments[name]
            self._known[name] = 0, 0
            on = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self.selections(on, fragment.selection_set)
        return self._known[name]

    def _field(self, parent: Any, node: FieldNode) -> tuple[Price, bool]:
        definition: Any = self._schema.get_field(parent, node.name.value)
        named = get_named_type(definition.type)
        if not is_composite_type(named) or node.selection_set is None:
            return SCALAR, False
        fixed, each = self.selections(named, node.selection_set)
        listed = _is_list(definition.type)
        size, times = self._size(definition, node), _EACH.get(named.name, 1)
        if size is None:
            return _sum([(times, OBJECT), (times, fixed), (times, each)]), listed
        if listed:
            return _sum([(size, _sum([(1, OBJECT), (1, fixed), (1, each)]))]), False
        return _sum([(1, OBJECT), (1, fixed), (size, each)]), False

    def _size(self, definition: Any, node: FieldNode) -> int | Variable | None:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        names = next((names for names in _SIZES if names[0] in definition.args), ())
        preset = definition.args[names[0]].default_value if names else None
        preset = preset if isinstance(preset, int) else PAGE
        sizes = [self._argument(given[name], preset) for name in names if name in given]
        found = next((size for size in sizes if size is not None), None)
        return preset if found is None and names and names[0] != "ids" else found

    def _argument(self, value: Any, preset: int = PAGE) -> int | Variable | None:
        if isinstance(value, IntValueNode):
            return max(int(value.value), 0)
        if isinstance(value, ListValueNode):
            return len(value.values)
        if isinstance(value, VariableNode):
            default = self._argument(self._defaults.get(value.name.value))
            return Variable(value.name.value, default if isinstance(default, int) else preset)
        return None


def _is_list(kind: Any) -> bool:
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)


def _sum(parts: list[tuple[int | Variable, Price]]) -> Price:
    """What is known is added up at once; what is open is kept."""
    constant, products = 0, []
    for size, price in parts:
        if isinstance(size, int) and isinstance(price, int):
            constant += size * price
        elif price != 0 and size != 0:
            products.append((size, price))
    return Open(constant, tuple(products)) if products else constant
