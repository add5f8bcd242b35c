"""Fields that follow lineage edges of one kind: connections, one statement per level."""

from typing import Any

import strawberry
from strawberry.types import Info

from schema.connections import Direction, asked
from schema.mapping import Linked


def linked(kind: str, target: str, returns: Any, description: str, *, downstream: bool) -> Any:
    """A field that is a connection of what an edge of this kind leads to, oldest first unless turned."""

    async def read(
        root: Any,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        direction: Direction = Direction.ASC,
    ) -> Any:
        wanted = asked({}, ("id", direction is Direction.DESC), first, after, last, before)
        return await info.context.loaders.linked(target, (kind, downstream), root.row.id, wanted)

    read.__annotations__["return"] = returns
    source = Linked(kind=kind, downstream=downstream, target=target)
    return strawberry.field(resolver=read, description=description, metadata={"source": source})
