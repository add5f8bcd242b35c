"""The ``trigger`` and ``pr`` sections, and what they match."""

import re
from collections.abc import Sequence
from functools import cache

from providers.pipelines.definition.document import Entries, Items, Node, Scalar
from providers.pipelines.definition.fields import Fields, Problems
from providers.pipelines.definition.values import Filter, Trigger


def read_trigger(problems: Problems, node: Node | None, what: str) -> Trigger:
    """``none``, a list of branches, or a mapping; without any every branch matches."""
    if node is None:
        return Trigger()
    if isinstance(node, Scalar):
        if node.value != "none":
            problems.add(node.place, f"{what} is none, a list of branches or a mapping, not {node.value!r}")
        return Trigger(enabled=False)
    if isinstance(node, Items):
        names = Fields(problems, Entries(node.place, ((Scalar(node.place, "include"), node),)), what)
        return Trigger(branches=Filter(include=names.texts("include") or ()))
    fields = Fields(problems, node, what)
    trigger = Trigger(branches=_filter(problems, fields, "branches"), paths=_filter(problems, fields, "paths"))
    fields.rest()
    return trigger


def _filter(problems: Problems, fields: Fields, name: str) -> Filter:
    node = fields.node(name)
    if node is None:
        return Filter()
    if isinstance(node, Items):
        return Filter(include=fields.texts(name) or ())
    inner = Fields.of(problems, node, f"{name} of {fields.what}")
    if inner is None:
        return Filter()
    found = Filter(include=inner.texts("include") or (), exclude=inner.texts("exclude") or ())
    inner.rest()
    return found


def matches(trigger: Trigger, branch: str, paths: Sequence[str] | None) -> bool:
    """Whether a change of these paths (None: not known) on the branch starts a run."""
    if not trigger.enabled or not _passes(trigger.branches, branch.removeprefix("refs/heads/")):
        return False
    return paths is None or not paths or any(_passes(trigger.paths, path) for path in paths)


def _passes(filter_: Filter, value: str) -> bool:
    included = not filter_.include or any(_matches(pattern, value) for pattern in filter_.include)
    return included and not any(_matches(pattern, value) for pattern in filter_.exclude)


def _matches(pattern: str, value: str) -> bool:
    return _compiled(pattern.removeprefix("refs/heads/").strip("/")).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """``*`` is any characters, slashes too, and ``?`` is one; a folder's name stands for all below it."""
    wild = {"*": ".*", "?": "[^/]"}
    return re.compile("".join(wild.get(char, re.escape(char)) for char in pattern) + "(/.*)?")
