"""Lineage: where a node came from and what came of it, and how two nodes hang together."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from resolvers.context import Context, Info
from schema.lineage import Lineage
from schema.types import TYPES
from services.errors import InvalidInput
from services.platform.lineage import DEEPEST, NODES, Direction, around, path
from storage.access import Edge, End
from storage.ids import parse_id
from storage.queries.lineage import LineageQueries


class _Sight:
    """The graph as far as one caller sees it, a short session for each statement."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._access = context.actor.access
        self._loaders = context.loaders

    async def edges(self, ends: Sequence[End], *, downstream: bool, limit: int) -> list[Edge]:
        ids = [row_id for _, row_id in ends]
        async with self._database.reading(self._access) as session:
            return await LineageQueries(session, self._access).edges(ids, downstream=downstream, limit=limit)

    async def nodes(self, ends: Sequence[End]) -> dict[End, Any]:
        known = [end for end in ends if end[0] in TYPES]
        found = await asyncio.gather(*(self._loaders.one(*end) for end in known))
        return {end: node for end, node in zip(known, found, strict=True) if node is not None}


@strawberry.type
class LineageQuery:
    """Over edges of every kind."""

    @strawberry.field(
        description="Where a node came from and what came of it: at most `first` nodes (1 to 500) within `depth` edges"
        " (1 to 16). Null when the node is absent or out of your sight."
    )
    async def lineage(
        self,
        info: Info,
        id: strawberry.ID,
        direction: Direction = Direction.BOTH,
        depth: int = DEEPEST,
        first: int = NODES,
    ) -> Lineage | None:
        """Walked in services/platform/lineage.py."""
        start = _end(id, "id")
        story = await around(_Sight(info.context), start, direction, depth=depth, first=first)
        return None if story is None else Lineage.of(story)

    @strawberry.field(
        description="The shortest way between two nodes along edges of one direction, at most `depth` edges (1 to 16):"
        " its nodes in order. Empty when there is none in your sight."
    )
    async def lineage_path(
        self,
        info: Info,
        from_: Annotated[strawberry.ID, strawberry.argument(name="from")],
        to: strawberry.ID,
        depth: int = DEEPEST,
    ) -> Lineage:
        """Walked in services/platform/lineage.py."""
        start, goal = _end(from_, "from"), _end(to, "to")
        return Lineage.of(await path(_Sight(info.context), start, goal, depth=depth))


def _end(text: str, field: str) -> End:
    try:
        return parse_id(text)
    except ValueError as error:
        raise InvalidInput(f"{field}: {error}", field=field) from error
