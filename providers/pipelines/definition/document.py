"""YAML as Azure Pipelines reads it: scalars are strings, nodes know their place, duplicates and aliases are refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from providers.pipelines.errors import PipelineInvalid, Problem

PATH: Final = "azure-pipelines.yml"
MOST_CHARACTERS: Final = 1_048_576
MOST_NODES: Final = 100_000
DEEPEST: Final = 60
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node begins; both count from 1."""

    line: int
    column: int
    file: str = PATH

    def problem(self, message: str) -> Problem:
        """A mistake here."""
        return Problem(file=self.file, line=self.line, column=self.column, message=message)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text; nothing at all is the empty one."""

    place: Place
    value: str


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    place: Place
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping in the order of the file."""

    place: Place
    entries: "tuple[tuple[Scalar, Node], ...]"


Node = Scalar | Items | Entries


def parse(text: str, file: str = PATH) -> Node:
    """The file's only document; PipelineInvalid at the first place where it is no YAML."""
    if len(text) > MOST_CHARACTERS:
        raise _refused(Place(1, 1, file), f"the file has {len(text)} characters: at most {MOST_CHARACTERS} are read")
    try:
        events = yaml.parse(text, Loader=_LOADER)
        return _Document(events, file).read()
    except yaml.MarkedYAMLError as error:
        raise _refused(_place(error.problem_mark or error.context_mark, file), error.problem or "not YAML") from error
    except yaml.YAMLError as error:
        raise _refused(Place(1, 1, file), f"not YAML: {' '.join(str(error).split())[:200]}") from error


def _refused(place: Place, message: str) -> PipelineInvalid:
    return PipelineInvalid([place.problem(message)])


def _place(mark: Any, file: str) -> Place:
    return Place(1, 1, file) if mark is None else Place(mark.line + 1, mark.column + 1, file)


class _Document:
    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events = events
        self._file = file
        self._nodes = 0

    def read(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _refused(_place(event.start_mark, self._file), "a second document: a pipeline is one")
                root = self._node(next(self._events), 0)
        if root is None:
            raise _refused(Place(1, 1, self._file), "the file is empty: it needs stages, jobs or steps")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        place = _place(event.start_mark, self._file)
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > DEEPEST:
            raise _refused(place, f"too much: at most {MOST_NODES} nodes, {DEEPEST} deep, are read")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _refused(place, "anchors and aliases are not part of Azure Pipelines")
        if isinstance(event, yaml.ScalarEvent):
            nothing = event.implicit[0] and event.value in {"~", "null"}
            return Scalar(place, "" if nothing else event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(place, tuple(self._items(depth)))
        return Entries(place, self._entries(depth))

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> tuple[tuple[Scalar, Node], ...]:
        found: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise _refused(key.place, "a key is a text")
            if key.value in found:
                raise _refused(
                    key.place, f"{key.value!r} is given twice, first at line {found[key.value][0].place.line}"
                )
            found[key.value] = (key, self._node(next(self._events), depth + 1))
        return tuple(found.values())
