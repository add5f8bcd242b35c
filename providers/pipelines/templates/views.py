"""Nodes of a document as values of expressions, and back: what an expression hands on keeps its place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

from providers.pipelines.definition.document import Entries, Items, Node, Place, Scalar
from providers.pipelines.expressions.values import Value, to_string


class EntriesView(Mapping[str, Value]):
    """A mapping of the document."""

    def __init__(self, node: Entries) -> None:
        self.node = node
        self._entries = {key.value: value for key, value in node.entries}

    def __getitem__(self, key: str) -> Value:
        return value_of(self._entries[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class ItemsView(Sequence[Value]):
    """A sequence of the document."""

    def __init__(self, node: Items) -> None:
        self.node = node

    @overload
    def __getitem__(self, index: int) -> Value: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Value]: ...
    def __getitem__(self, index: int | slice) -> Value:
        items = self.node.items[index]
        return [value_of(item) for item in items] if isinstance(items, tuple) else value_of(items)

    def __len__(self) -> int:
        return len(self.node.items)


def value_of(node: Node) -> Value:
    """A scalar is a string, whatever it looks like."""
    if isinstance(node, Scalar):
        return node.value
    return EntriesView(node) if isinstance(node, Entries) else ItemsView(node)


def node_of(value: Value, place: Place) -> Node:
    """What came from a document is that node again; all else stands where its expression does."""
    if isinstance(value, EntriesView | ItemsView):
        return value.node
    if isinstance(value, Mapping):
        return Entries(place, tuple((Scalar(place, key), node_of(item, place)) for key, item in value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Items(place, tuple(node_of(item, place) for item in value))
    return Scalar(place, to_string(value))
