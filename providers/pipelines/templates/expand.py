"""Expands a document: expressions filled in, branches chosen, loops unrolled, templates put in their places."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from providers.pipelines.definition.document import MOST_NODES, Entries, Items, Node, Place, Scalar
from providers.pipelines.errors import PipelineInvalid
from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.expressions.values import Value, to_boolean
from providers.pipelines.templates.scope import Scope, problem_at
from providers.pipelines.templates.texts import OPEN, Directive, directive

TEMPLATED: Final = frozenset({"stages", "jobs", "steps", "variables"})
ROOT: Final = "root"
SCOPED: Final = frozenset({"stages", "jobs", ROOT})
Include = Callable[[str, Entries, Scope], Sequence[Node]]
Report = Callable[[Place, str], None]
Entry = tuple[Scalar, Node]


class Expansion:
    """One file's expansion with its includes; what is wrong is told to ``report`` and left out."""

    def __init__(self, include: Include, report: Report) -> None:
        self._include = include
        self._report = report
        self._made = 0

    def node(self, node: Node, scope: Scope, kind: str = "") -> Node:
        """``kind`` is the key that a list of templates stands under."""
        self._made += 1
        if self._made > MOST_NODES:
            raise PipelineInvalid(
                [node.place.problem(f"the pipeline grows over {MOST_NODES} nodes: a loop is too large")]
            )
        match node:
            case Scalar():
                return self._scalar(node, scope, kind)
            case Items():
                return Items(node.place, tuple(self.items(node.items, scope, kind)))
            case Entries():
                return Entries(node.place, tuple(self.entries(node, scope, kind)))

    def _scalar(self, scalar: Scalar, scope: Scope, kind: str) -> Node:
        if OPEN not in scalar.value:
            return scalar
        try:
            filled = scope.filled(scalar)
        except ExpressionError as error:
            self._report_at(scalar, error)
            return Scalar(scalar.place, "")
        if isinstance(filled, Items) and kind in TEMPLATED:
            return Items(filled.place, tuple(self._placed(filled.items, scope, kind)))
        return filled

    def _placed(self, items: Sequence[Node], scope: Scope, kind: str) -> Iterator[Node]:
        """Items that were filled in may be references to templates."""
        for item in items:
            if isinstance(item, Entries) and _is_reference(item, kind):
                yield from self._include(kind, item, scope)
            else:
                yield item

    def items(self, items: Sequence[Node], scope: Scope, kind: str) -> Iterator[Node]:
        """Each item, or what its directive makes of it."""
        taken: bool | None = None
        for item in items:
            decides = self._directive_of(item)
            if decides is not None and isinstance(item, Entries):
                key, value = item.entries[0]
                chosen, taken = self._chosen(key, decides, scope, taken)
                for inner in chosen:
                    yield from self._spliced(value, inner, kind)
                continue
            taken = None
            made = self.node(item, scope, kind)
            if isinstance(made, Items) and isinstance(item, Scalar):
                yield from made.items
            elif isinstance(made, Entries) and _is_reference(made, kind):
                yield from self._include(kind, made, scope)
            else:
                yield made

    def _spliced(self, value: Node, scope: Scope, kind: str) -> Iterator[Node]:
        """What stands below a directive in a list: a list of items, or one."""
        if isinstance(value, Items):
            yield from self.items(value.items, scope, kind)
        elif isinstance(value, Entries) or value.value:
            yield from self.items((value,), scope, kind)

    def entries(self, mapping: Entries, scope: Scope, kind: str = "") -> Iterator[Entry]:
        """Each entry, or what its directive makes of it; variables are known to what stands beside them."""
        names: dict[str, Scalar] = {}
        if kind in SCOPED:
            scope = scope.knowing(self.statics(mapping, scope))
        for key, value in self._unrolled(mapping.entries, scope, kind):
            if key.value in names:
                self._report(key.place, f"{key.value!r} is given twice, first at line {names[key.value].place.line}")
                continue
            names[key.value] = key
            yield key, value

    def _unrolled(self, entries: Sequence[Entry], scope: Scope, kind: str) -> Iterator[Entry]:
        taken: bool | None = None
        for key, value in entries:
            decides = self._directive(key)
            if decides is None:
                taken = None
                yield self._entry(key, value, scope)
                continue
            if decides.word == "insert":
                taken = None
                inserted = self.node(value, scope)
                yield from self._entries_of(inserted)
                continue
            chosen, taken = self._chosen(key, decides, scope, taken)
            for inner in chosen:
                below = self._filled_mapping(value, inner)
                yield from self._unrolled(below, inner, kind)

    def _filled_mapping(self, value: Node, scope: Scope) -> Sequence[Entry]:
        if isinstance(value, Scalar) and OPEN in value.value:
            return self._entries_of(self.node(value, scope))
        return self._entries_of(value)

    def _entries_of(self, node: Node) -> Sequence[Entry]:
        if isinstance(node, Entries):
            return node.entries
        if not isinstance(node, Scalar) or node.value:
            self._report(node.place, "a mapping is expected here: keys with values")
        return ()

    def _entry(self, key: Scalar, value: Node, scope: Scope) -> Entry:
        made = self._scalar(key, scope, "")
        if not isinstance(made, Scalar):
            self._report(key.place, "a key is a text: this expression answers a list or a mapping")
            made = Scalar(key.place, "")
        if made.value == "variables":
            return made, self.variables(value, scope)
        return made, self.node(value, scope, made.value if made.value in TEMPLATED else "")

    def variables(self, node: Node, scope: Scope) -> Node:
        """A mapping stays one; each variable knows those above it, also across branches and loops."""
        if isinstance(node, Scalar):
            node = self.node(node, scope, "variables")
        known = dict(scope.variables)
        scope = replace(scope, variables=known)
        if isinstance(node, Entries):
            entries: list[Entry] = []
            for key, value in self.entries(node, scope):
                known.update(statics_of((Entries(node.place, ((key, value),)),)))
                entries.append((key, value))
            return Entries(node.place, tuple(entries))
        if not isinstance(node, Items):
            return node
        items: list[Node] = []
        for item in self.items(node.items, scope, "variables"):
            known.update(statics_of((item,)))
            items.append(item)
        return Items(node.place, tuple(items))

    def statics(self, mapping: Entries, scope: Scope) -> Mapping[str, Value]:
        """What the mapping's own variables say, as far as it is known before the run."""
        quiet = Expansion(self._include, lambda place, message: None)
        for key, value in mapping.entries:
            if key.value == "variables":
                made = quiet.variables(value, scope)
                return statics_of(made.items if isinstance(made, Items) else (made,))
        return {}

    def _chosen(
        self, key: Scalar, decides: Directive, scope: Scope, taken: bool | None
    ) -> tuple[Sequence[Scope], bool | None]:
        """The scopes in which what stands below is expanded; ``taken`` is None where no if stands before."""
        if decides.word == "each":
            return list(self._loop(key, decides, scope)), None
        if decides.word == "insert":
            self._report(key.place, "insert stands in a mapping")
            return (), None
        if decides.word in ("elseif", "else") and taken is None:
            self._report(key.place, f"{decides.word} needs an if directly before it")
            return (), None
        holds = not taken and (decides.word == "else" or self._holds(key, decides, scope))
        after = None if decides.word == "else" else bool(taken) or holds
        return ((scope,) if holds else ()), after

    def _holds(self, key: Scalar, decides: Directive, scope: Scope) -> bool:
        try:
            return to_boolean(scope.value(decides.code))
        except ExpressionError as error:
            self._report_at(key, error)
            return False

    def _loop(self, key: Scalar, decides: Directive, scope: Scope) -> Iterator[Scope]:
        try:
            over = scope.value(decides.code)
        except ExpressionError as error:
            self._report_at(key, error)
            return
        name = decides.variable or ""
        if isinstance(over, Mapping):
            for member, value in over.items():
                yield scope.within(name, {"key": member, "value": value})
        elif isinstance(over, Sequence) and not isinstance(over, str):
            for value in over:
                yield scope.within(name, value)
        elif over is not None and over != "":
            self._report(key.place, f"each goes over a list or a mapping, and {decides.code.text.strip()} is neither")

    def _directive_of(self, item: Node) -> Directive | None:
        if not isinstance(item, Entries) or len(item.entries) != 1:
            return None
        found = self._directive(item.entries[0][0])
        return None if found is None or found.word == "insert" else found

    def _directive(self, key: Scalar) -> Directive | None:
        try:
            return directive(key.value) if OPEN in key.value else None
        except ExpressionError as error:
            self._report_at(key, error)
            return None

    def _report_at(self, scalar: Scalar, error: ExpressionError) -> None:
        problem = problem_at(scalar.place, scalar.value, error)
        self._report(Place(problem.line, problem.column, problem.file), problem.message)


def _is_reference(item: Entries, kind: str) -> bool:
    return kind in TEMPLATED and any(key.value == "template" for key, _ in item.entries)


def statics_of(items: Sequence[Node]) -> Mapping[str, Value]:
    """The variables of an expanded section that have a plain value."""
    found: dict[str, Value] = {}
    for item in items:
        if not isinstance(item, Entries):
            continue
        fields = {key.value: value for key, value in item.entries}
        name, value = fields.get("name"), fields.get("value")
        if isinstance(name, Scalar) and isinstance(value, Scalar):
            found[name.value] = value.value
        elif "name" not in fields and "group" not in fields:
            found.update({key: node.value for key, node in fields.items() if isinstance(node, Scalar)})
    return found
