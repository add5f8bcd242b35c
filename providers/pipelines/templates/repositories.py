"""The other repositories that a pipeline takes templates from: ``resources.repositories``."""

from dataclasses import dataclass

from providers.pipelines.definition.document import Entries, Items, Node, Scalar


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherRepository:
    """What stands behind ``@alias``; without a ref it is read where its default branch stands."""

    alias: str
    kind: str
    name: str
    ref: str | None


def repositories(root: Entries) -> tuple[OtherRepository, ...]:
    """Those that are told completely; what is wrong with others is found when they are planned."""
    resources = member(root, "resources")
    listed = member(resources, "repositories") if isinstance(resources, Entries) else None
    items = listed.items if isinstance(listed, Items) else ()
    found = []
    for item in items:
        alias, kind, name, ref = (_text(item, key) for key in ("repository", "type", "name", "ref"))
        if alias and kind and name:
            found.append(OtherRepository(alias=alias, kind=kind, name=name, ref=ref))
    return tuple(found)


def member(mapping: Entries, name: str) -> Node | None:
    """What stands under the key."""
    return next((value for key, value in mapping.entries if key.value == name), None)


def _text(item: Node, name: str) -> str | None:
    value = member(item, name) if isinstance(item, Entries) else None
    return value.value if isinstance(value, Scalar) else None
