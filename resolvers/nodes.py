"""Anything by its id."""

import asyncio
from typing import Annotated, Any, Final

import strawberry

from resolvers.context import Info
from schema.mapping import Node
from schema.types import TYPES
from services.errors import InvalidInput
from storage.ids import parse_id

MOST_IDS: Final = 100


async def node_of(info: Info, id: str, field: str) -> Any:
    """The node, or None when it is absent, foreign or out of sight; InvalidInput when the id is malformed."""
    try:
        target, row_id = parse_id(id)
    except ValueError as error:
        raise InvalidInput(str(error), field=field) from error
    return await info.context.loaders.one(target, row_id) if target in TYPES else None


@strawberry.type
class NodeQuery:
    """The fields that Relay asks for."""

    @strawberry.field(description="Any node by its id; null when it is absent or out of your sight.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        """Malformed ids are an error; foreign and absent ones look the same."""
        found: Node | None = await node_of(info, id, "id")
        return found

    @strawberry.field(description="Nodes by their ids, in the order of the ids; null for each that is absent.")
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="At most 100.")]
    ) -> list[Node | None]:
        """One statement for each type."""
        if len(ids) > MOST_IDS:
            raise InvalidInput(f"{len(ids)} ids are too many: at most {MOST_IDS} would pass", field="ids")
        return list(await asyncio.gather(*(node_of(info, id, "ids") for id in ids)))
