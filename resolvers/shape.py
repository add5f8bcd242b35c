"""How large a parsed document is: pure counting over its tree, before it is validated."""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from resolvers.refusals import over
from schema.limits import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """``depth`` counts fields within fields; fragments are spread out, and a cycle of them ends where it closes."""

    depth: int
    aliases: int
    root_fields: int
    selections: int
    introspects: bool


def shape(document: DocumentNode) -> Shape:
    """The largest of each over the document's operations and fragments."""
    definitions = [d for d in document.definitions if isinstance(d, OperationDefinitionNode | FragmentDefinitionNode)]
    counting = _Counting({d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)})
    operations = [d.selection_set for d in definitions if isinstance(d, OperationDefinitionNode)]
    sets = [one for definition in definitions for one in _selection_sets(definition.selection_set)]
    fields = [s for one in sets for s in one.selections if isinstance(s, FieldNode)]
    return Shape(
        depth=max((counting.depth(one) for one in operations), default=0),
        aliases=sum(field.alias is not None for field in fields),
        root_fields=max((counting.width(one, set()) for one in operations), default=0),
        selections=max((counting.width(one, set()) for one in sets), default=0),
        introspects=any(field.name.value == "__schema" for field in fields),
    )


def check_shape(found: Shape, limits: Limits) -> None:
    """Refused by the first limit that is exceeded."""
    for name, words, value, bound in (
        ("depth", "the operation is nested {} fields deep", found.depth, limits.depth),
        ("aliases", "the document has {} aliases", found.aliases, limits.aliases),
        ("rootFields", "the operation has {} fields at its root", found.root_fields, limits.root_fields),
        ("selections", "the document has {} selections side by side", found.selections, limits.selections),
    ):
        if value > bound:
            raise over(name, value, bound, f"{words.format(value)}: the limit is {bound}")


class _Counting:
    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._depths: dict[str, int] = {}

    def depth(self, selections: SelectionSetNode) -> int:
        deepest = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                below = 0 if selection.selection_set is None else self.depth(selection.selection_set)
                deepest = max(deepest, 1 + below)
            elif isinstance(selection, InlineFragmentNode):
                deepest = max(deepest, self.depth(selection.selection_set))
            elif isinstance(selection, FragmentSpreadNode):
                deepest = max(deepest, self._fragment_depth(selection.name.value))
        return deepest

    def _fragment_depth(self, name: str) -> int:
        if name not in self._depths and name in self._fragments:
            self._depths[name] = 0
            self._depths[name] = self.depth(self._fragments[name].selection_set)
        return self._depths.get(name, 0)

    def width(self, selections: SelectionSetNode, spread: set[str]) -> int:
        count = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                count += 1
            elif isinstance(selection, InlineFragmentNode):
                count += self.width(selection.selection_set, spread)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                spread.add(selection.name.value)
                fragment = self._fragments.get(selection.name.value)
                count += 0 if fragment is None else self.width(fragment.selection_set, spread)
        return count


def _selection_sets(root: SelectionSetNode) -> Iterator[SelectionSetNode]:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        yield one
        for selection in one.selections:
            below = getattr(selection, "selection_set", None)
            if below is not None:
                waiting.append(below)
