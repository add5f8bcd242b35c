"""Reads a mapping field by field and collects what is wrong instead of stopping at the first mistake."""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final, TypeVar

from providers.pipelines.definition.document import Entries, Items, Node, Place, Scalar
from providers.pipelines.errors import Problem

T = TypeVar("T")
_TRUE: Final = {"true", "y", "yes", "on"}
_FALSE: Final = {"false", "n", "no", "off"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_NUMBER: Final = re.compile(r"\d{1,6}(\.\d{1,3})?")


class Problems:
    """The mistakes of one file."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, place: Place, message: str) -> None:
        """One more."""
        self.found.append(place.problem(message))


class Fields:
    """A mapping; what nobody asked for by the end of ``rest`` is a mistake."""

    def __init__(self, problems: Problems, entries: Entries, what: str) -> None:
        self.place = entries.place
        self.what = what
        self._problems = problems
        self._entries = {key.value: (key, value) for key, value in entries.entries}
        self._known: list[str] = []

    @classmethod
    def of(cls, problems: Problems, node: Node, what: str) -> "Fields | None":
        """The mapping, or None and a mistake when it is none."""
        if isinstance(node, Entries):
            return cls(problems, node, what)
        problems.add(node.place, f"{what} is a mapping")
        return None

    def has(self, name: str) -> bool:
        """Whether it is given."""
        return name in self._entries

    def place_of(self, name: str) -> Place:
        """Where the key stands."""
        return self._entries[name][0].place

    def node(self, name: str) -> Node | None:
        """What is given, whatever it is."""
        self._known.append(name)
        found = self._entries.get(name)
        return None if found is None else found[1]

    def text(self, name: str) -> str | None:
        """A scalar."""
        node = self.node(name)
        if node is None or isinstance(node, Scalar):
            return None if node is None else node.value
        self._problems.add(node.place, f"{name} of {self.what} is a text")
        return None

    def name(self, key: str) -> str | None:
        """What other parts refer to."""
        value = self.text(key)
        if value is None or _NAME.fullmatch(value):
            return value
        self._problems.add(self.place_of(key), f"{value!r} is not a name: letters, digits and '_', no digit first")
        return None

    def flag(self, name: str, default: bool) -> bool:
        """True or false in any of YAML's words."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        self._problems.add(self.place_of(name), f"{name} of {self.what} is true or false, not {value!r}")
        return default

    def minutes(self, name: str) -> float | None:
        """A number of minutes."""
        value = self.text(name)
        if value is None or _NUMBER.fullmatch(value):
            return None if value is None else float(value)
        self._problems.add(self.place_of(name), f"{name} of {self.what} is a number of minutes, not {value!r}")
        return None

    def count(self, name: str) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None or (value.isascii() and value.isdigit() and len(value) < 5):
            return None if value is None else int(value)
        self._problems.add(self.place_of(name), f"{name} of {self.what} is a whole number, not {value!r}")
        return None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A text or several."""
        node = self.node(name)
        if node is None:
            return None
        items = node.items if isinstance(node, Items) else (node,)
        return tuple(value for item in items if (value := self._item(name, item)))

    def _item(self, name: str, item: Node) -> str | None:
        if isinstance(item, Scalar):
            return item.value
        self._problems.add(item.place, f"{name} of {self.what} is a text or a list of texts")
        return None

    def each(self, name: str, read: Callable[[Node], T | None]) -> tuple[T, ...]:
        """What ``read`` makes of each item of a list."""
        node = self.node(name)
        if node is None:
            return ()
        if not isinstance(node, Items) or not node.items:
            self._problems.add(node.place, f"{name} of {self.what} is a list of at least one")
            return ()
        return tuple(made for item in node.items if (made := read(item)) is not None)

    def mapping(self, name: str) -> Mapping[str, str]:
        """Texts by name."""
        node = self.node(name)
        if node is None:
            return {}
        if not isinstance(node, Entries):
            self._problems.add(node.place, f"{name} of {self.what} is a mapping")
            return {}
        return dict(self._pairs(name, node))

    def _pairs(self, name: str, node: Entries) -> Iterator[tuple[str, str]]:
        for key, value in node.entries:
            if isinstance(value, Scalar):
                yield key.value, value.value
            else:
                self._problems.add(value.place, f"{key.value!r} in {name} of {self.what} is a text")

    def rest(self) -> None:
        """Every other key is a mistake, told with the nearest one that would pass."""
        for name, (key, _) in self._entries.items():
            if name not in self._known:
                near = get_close_matches(name, self._known, n=1)
                hint = f": did you mean {near[0]!r}?" if near else f": {', '.join(sorted(set(self._known)))} pass"
                self._problems.add(key.place, f"{name!r} is not supported in {self.what}{hint}")
