"""A file with all its templates to one document without any ``${{ }}``."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from providers.pipelines.definition.document import PATH, Entries, Items, Node, Place, Scalar, parse
from providers.pipelines.errors import PipelineInvalid, Problem
from providers.pipelines.templates.check import mistakes
from providers.pipelines.templates.expand import ROOT, Expansion
from providers.pipelines.templates.parameters import bound
from providers.pipelines.templates.repositories import member, repositories
from providers.pipelines.templates.scope import Scope

MOST_FILES: Final = 100
MOST_PROBLEMS: Final = 100
Read = Callable[[str], str | None]


def expand(
    text: str,
    read: Read,
    *,
    file: str = PATH,
    parameters: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Entries:
    """The document as it will run; PipelineInvalid with every mistake.

    ``read`` answers the template ``path``, or ``path@alias`` in another repository, or None; ``variables`` are the
    predefined ones that are known before a run.
    """
    return _Templates(read).pipeline(text, file, parameters or {}, variables or {})


class _Templates:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._parsed: dict[str, Entries] = {}
        self._including: list[str] = []
        self._aliases: frozenset[str] = frozenset()
        self.problems: list[Problem] = []
        self._expansion = Expansion(self._include, self._report)

    def pipeline(self, text: str, file: str, given: Mapping[str, str], known: Mapping[str, str]) -> Entries:
        root = self._document(text, file)
        place = root.place
        self._stop_if_wrong()
        self._aliases = frozenset(other.alias for other in repositories(root))
        values = bound(member(root, "parameters"), {n: Scalar(place, v) for n, v in given.items()}, place, self._report)
        scope = Scope(parameters=values, variables=dict(known))
        made = tuple(self._expansion.entries(_without(root, "parameters"), scope, ROOT))
        extends = next((value for key, value in made if key.value == "extends"), None)
        if extends is not None:
            own = tuple((key, value) for key, value in made if key.value != "extends")
            knowing = scope.knowing(self._expansion.statics(root, scope))
            made = self._joined(own, self._extended(extends, knowing))
        self._stop_if_wrong()
        return Entries(place, made)

    def _extended(self, extends: Node, scope: Scope) -> Sequence[tuple[Scalar, Node]]:
        if not isinstance(extends, Entries):
            self._report(extends.place, "extends is a mapping with template and parameters")
            return ()
        found = self._opened(extends, scope)
        if found is None:
            return ()
        root, inner, file = found
        with _Within(self._including, file):
            return tuple(self._expansion.entries(_without(root, "parameters"), inner, ROOT))

    def _joined(
        self, own: Sequence[tuple[Scalar, Node]], template: Sequence[tuple[Scalar, Node]]
    ) -> tuple[tuple[Scalar, Node], ...]:
        names = {key.value for key, _ in own}
        for key, _ in template:
            if key.value in names:
                self._report(key.place, f"'{key.value}' is already defined by the pipeline that extends this template")
        return (*own, *(entry for entry in template if entry[0].value not in names))

    def _include(self, kind: str, item: Entries, scope: Scope) -> Sequence[Node]:
        """The items that the template has for a list of this kind."""
        found = self._opened(item, scope)
        if found is None:
            return ()
        root, inner, file = found
        section = member(root, kind)
        if section is None:
            self._report(item.place, f"the template {file} has no {kind}: it cannot stand in a list of {kind}")
            return ()
        with _Within(self._including, file):
            if kind == "variables":
                return _as_list(self._expansion.variables(section, inner))
            made = self._expansion.node(section, inner, kind)
        if not isinstance(made, Items):
            self._report(section.place, f"{kind} is a list")
            return ()
        return made.items

    def _opened(self, item: Entries, scope: Scope) -> tuple[Entries, Scope, str] | None:
        """The template's root, the scope within it and its name; None when it is told why not."""
        fields = {key.value: (key, value) for key, value in item.entries}
        for other in fields.keys() - {"template", "parameters"}:
            self._report(fields[other][0].place, f"{other!r} cannot stand beside template: template and parameters can")
        reference = fields["template"][1] if "template" in fields else None
        if not isinstance(reference, Scalar) or not reference.value:
            self._report(item.place, "template is the path of a file")
            return None
        name = self._located(reference)
        root = None if name is None else self._file(reference.place, name)
        if name is None or root is None:
            return None
        given = fields["parameters"][1] if "parameters" in fields else Entries(item.place, ())
        if not isinstance(given, Entries):
            self._report(given.place, "parameters is a mapping of names to values")
            return None
        values = bound(member(root, "parameters"), {k.value: v for k, v in given.entries}, item.place, self._report)
        return root, Scope(parameters=values, variables=scope.variables), name

    def _located(self, reference: Scalar) -> str | None:
        """``path`` or ``path@alias``, from where the reference is written."""
        path, _, named = reference.value.strip().replace("\\", "/").partition("@")
        origin, _, home = reference.place.file.partition("@")
        alias = "" if named == "self" else named or home
        if alias and alias not in self._aliases:
            known = ", ".join(sorted(self._aliases)) or "none"
            self._report(reference.place, f"{alias!r} is none of resources.repositories: {known}")
            return None
        base = "" if path.startswith("/") or "@" in reference.value else posixpath.dirname(origin)
        joined = posixpath.normpath(posixpath.join(base, path.lstrip("/")))
        if joined.startswith("..") or len(self._including) >= MOST_FILES:
            why = "outside of the repository" if joined.startswith("..") else f"over {MOST_FILES} templates deep"
            self._report(reference.place, f"the template {reference.value!r} lies {why}")
            return None
        return f"{joined}@{alias}" if alias else joined

    def _file(self, place: Place, name: str) -> Entries | None:
        if name in self._parsed:
            return self._parsed[name]
        path, _, alias = name.partition("@")
        if len(self._parsed) >= MOST_FILES:
            self._report(place, f"at most {MOST_FILES} files are read for one pipeline")
            return None
        text = self._read(name)
        if text is None:
            self._report(place, f"there is no file {path!r} in {alias or 'this repository'} at this commit")
            return None
        try:
            return self._document(text, name)
        except PipelineInvalid as refused:
            self.problems += refused.problems
            return None

    def _document(self, text: str, file: str) -> Entries:
        root = parse(text, file)
        if not isinstance(root, Entries):
            raise PipelineInvalid([root.place.problem("the file is a mapping: stages, jobs or steps, and more")])
        self.problems += mistakes(root)
        self._parsed[file] = root
        return root

    def _report(self, place: Place, message: str) -> None:
        problem = place.problem(message)
        if problem not in self.problems:
            self.problems.append(problem)
        if len(self.problems) >= MOST_PROBLEMS:
            self._stop_if_wrong()

    def _stop_if_wrong(self) -> None:
        if self.problems:
            raise PipelineInvalid(self.problems)


class _Within:
    """A template is being expanded, within those that include it."""

    def __init__(self, including: list[str], file: str) -> None:
        self._including, self._file = including, file

    def __enter__(self) -> None:
        self._including.append(self._file)

    def __exit__(self, *_: object) -> None:
        self._including.pop()


def _without(root: Entries, name: str) -> Entries:
    return Entries(root.place, tuple(entry for entry in root.entries if entry[0].value != name))


def _as_list(variables: Node) -> Sequence[Node]:
    """A mapping of variables as the list that it is put into."""
    if not isinstance(variables, Entries):
        return variables.items if isinstance(variables, Items) else ()
    return [
        Entries(key.place, ((Scalar(key.place, "name"), key), (Scalar(key.place, "value"), value)))
        for key, value in variables.entries
    ]
