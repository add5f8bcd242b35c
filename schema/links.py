"""Fields that follow lineage edges of one kind: connections, one statement per level."""

from typing import Any

from schema.connections import Asked, listed
from schema.mapping import Linked


def linked(kind: str, target: str, returns: Any, description: str, *, downstream: bool) -> Any:
    """A field that is a connection of what an edge of this kind leads to."""
    source = Linked(kind=kind, downstream=downstream, target=target)

    def beyond(info: Any, root: Any, wanted: Asked) -> Any:
        return info.context.loaders.linked(target, (kind, downstream), root.row.id, wanted)

    return listed(target, returns, description, source, beyond)
