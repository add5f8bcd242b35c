"""How lineage is walked: level by level over edges of any kind, through nodes that the caller sees only."""

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from services.errors import InvalidInput
from storage.access import Edge, End

DEEPEST: Final = 16
NODES, MOST_NODES = 100, 500
EDGES_PER_NODE: Final = 4
SEARCHED: Final = 2_000


class Direction(StrEnum):
    """Which way edges are followed from a node; BOTH is where it came from and what came of it, not its siblings."""

    UPSTREAM = "UPSTREAM"
    DOWNSTREAM = "DOWNSTREAM"
    BOTH = "BOTH"


_WAYS: Final = {Direction.UPSTREAM: (False,), Direction.DOWNSTREAM: (True,), Direction.BOTH: (False, True)}


class Graph(Protocol):
    """The edges and nodes that one caller sees."""

    def edges(self, ends: Sequence[End], *, downstream: bool, limit: int) -> Awaitable[list[Edge]]:
        """Edges that leave (or reach) these nodes, in a stable order."""
        ...

    def nodes(self, ends: Sequence[End]) -> Awaitable[dict[End, Any]]:
        """Those of these nodes that are in sight."""
        ...


@dataclass(frozen=True, kw_only=True)
class Story:
    """Nodes, the nearest first, and the edges between them; ``truncated`` when a bound left some out."""

    nodes: tuple[Any, ...] = ()
    edges: tuple[Edge, ...] = ()
    truncated: bool = False


def bounded(value: int, most: int, name: str) -> int:
    """The value, when it is between 1 and the bound."""
    if not 1 <= value <= most:
        raise InvalidInput(f"{name} is 1 to {most}, not {value}", field=name)
    return value


async def around(graph: Graph, start: End, direction: Direction, *, depth: int, first: int) -> Story | None:
    """What lies within ``depth`` edges of a node, at most ``first`` nodes; None when it is out of sight."""
    bounded(depth, DEEPEST, "depth")
    bounded(first, MOST_NODES, "first")
    found = await graph.nodes([start])
    if start not in found:
        return None
    walk = _Walk(graph, first, found, {downstream: [start] for downstream in _WAYS[direction]})
    for _ in range(depth):
        for downstream in _WAYS[direction]:
            await walk.step(downstream)
    return Story(nodes=tuple(walk.nodes.values()), edges=tuple(walk.edges), truncated=walk.truncated)


async def path(graph: Graph, start: End, goal: End, *, depth: int) -> Story:
    """The shortest way along edges of one direction, from start to goal; empty when there is none in sight."""
    bounded(depth, DEEPEST, "depth")
    found = await graph.nodes([start, goal])
    if start not in found or goal not in found:
        return Story()
    searches = [_Search(graph, downstream, start) for downstream in (True, False)]
    for _ in range(depth):
        if start == goal or any([await search.step(goal) for search in searches]):
            break
    search = next((one for one in searches if goal in one.came), searches[0])
    if start != goal and goal not in search.came:
        return Story(truncated=any(one.truncated for one in searches))
    steps = search.back_from(goal)
    return Story(nodes=(found[start], *(node for _, node in steps)), edges=tuple(edge for edge, _ in steps))


@dataclass
class _Walk:
    """Both ways keep their own frontier; what they found is one answer."""

    graph: Graph
    first: int
    nodes: dict[End, Any]
    fronts: dict[bool, list[End]]
    edges: dict[Edge, None] = field(default_factory=dict)
    truncated: bool = False

    def __post_init__(self) -> None:
        self._reached = {downstream: set(front) for downstream, front in self.fronts.items()}

    async def step(self, downstream: bool) -> None:
        """One level further that way: a statement for the edges, and one for each type of node that is new."""
        front, reached, most = self.fronts[downstream], self._reached[downstream], EDGES_PER_NODE * self.first
        self.fronts[downstream] = onward = []
        if not front:
            return
        level = await self.graph.edges(front, downstream=downstream, limit=most + 1)
        seen = self.nodes | await self.graph.nodes(_unknown(level, downstream, self.nodes))
        self.truncated = self.truncated or len(level) > most
        for edge in level:
            far = _far(edge, downstream)
            if far not in seen:
                continue
            is_new = far not in self.nodes
            if (is_new and len(self.nodes) >= self.first) or len(self.edges) >= most:
                self.truncated = self.truncated or edge not in self.edges
                continue
            self.nodes[far] = seen[far]
            self.edges[edge] = None
            if far not in reached:
                reached.add(far)
                onward.append(far)


@dataclass
class _Search:
    """One way from the start, with each node that was reached and the edge by which it was first."""

    graph: Graph
    downstream: bool
    start: End
    truncated: bool = False

    def __post_init__(self) -> None:
        self.came: dict[End, tuple[Edge, Any]] = {}
        self._front = [self.start]

    async def step(self, goal: End) -> bool:
        """One level further; True once the goal is reached."""
        front, self._front = self._front, []
        if not front:
            return False
        limit = EDGES_PER_NODE * SEARCHED
        level = await self.graph.edges(front, downstream=self.downstream, limit=limit + 1)
        seen = await self.graph.nodes(_unknown(level, self.downstream, self.came))
        self.truncated = self.truncated or len(level) > limit
        for edge in level:
            far = _far(edge, self.downstream)
            if far == self.start or far in self.came or far not in seen:
                continue
            if len(self.came) >= SEARCHED and far != goal:
                self.truncated = True
                continue
            self.came[far] = edge, seen[far]
            self._front.append(far)
        return goal in self.came

    def back_from(self, goal: End) -> list[tuple[Edge, Any]]:
        """The steps to the goal, in the order they are gone, each with the node it leads to."""
        steps: list[tuple[Edge, Any]] = []
        while goal != self.start:
            steps.append(self.came[goal])
            goal = _far(steps[-1][0], not self.downstream)
        return steps[::-1]


def _far(edge: Edge, downstream: bool) -> End:
    return edge.downstream if downstream else edge.upstream


def _unknown(level: Sequence[Edge], downstream: bool, known: Iterable[End]) -> list[End]:
    met = dict.fromkeys(_far(edge, downstream) for edge in level)
    return [end for end in met if end not in known]
