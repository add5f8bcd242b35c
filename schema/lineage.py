"""Types of lineage: nodes of every kind, and the edges that lead from what was to what came of it."""

from datetime import datetime
from enum import Enum
from typing import Any, get_args

import strawberry

from schema.mapping import Node
from services.platform.lineage import Direction, Story
from storage.access import Edge, EdgeKind
from storage.ids import public_id

strawberry.enum(Direction, name="LineageDirection", description="Which way edges are followed from a node.")
_made: Any = Enum  # mypy knows the members of a literal list only, and the one list is in storage/access.py
LineageEdgeType: Any = strawberry.enum(
    _made("LineageEdgeType", {kind: kind for kind in get_args(EdgeKind)}),
    description="What became of the one node in the other; a closed list, upstream to downstream.",
)


@strawberry.type(description="One step of lineage: what is downstream came of what is upstream.")
class LineageEdge:
    """Written in the transaction of its event."""

    type: LineageEdgeType = strawberry.field(description="What became of it.")
    from_: strawberry.ID = strawberry.field(name="from", description="Id of the node upstream.")
    to: strawberry.ID = strawberry.field(description="Id of the node downstream.")
    created_at: datetime = strawberry.field(description="When it happened.")
    event_id: strawberry.ID = strawberry.field(description="The event that tells of it.")

    @classmethod
    def of(cls, edge: Edge) -> "LineageEdge":
        """The edge with outward ids."""
        return cls(
            type=LineageEdgeType(edge.kind),
            from_=strawberry.ID(public_id(*edge.upstream)),
            to=strawberry.ID(public_id(*edge.downstream)),
            created_at=edge.created_at,
            event_id=strawberry.ID(public_id("Event", edge.event_id)),
        )


@strawberry.type(description="Nodes and the edges between them.")
class Lineage:
    """Every edge joins two of the nodes."""

    nodes: list[Node] = strawberry.field(description="The nodes, the nearest to the one asked for first.")
    edges: list[LineageEdge] = strawberry.field(
        description="The edges in the order they were followed; at most four for each node asked for."
    )
    truncated: bool = strawberry.field(description="Whether a bound left nodes or edges out.")

    @classmethod
    def of(cls, story: Story) -> "Lineage":
        """The story as a type."""
        return cls(
            nodes=list(story.nodes), edges=[LineageEdge.of(edge) for edge in story.edges], truncated=story.truncated
        )
