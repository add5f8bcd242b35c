"""Lineage on a real database: any graph is walked as a plain search would, by its indexes, a statement a level."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from services.platform.lineage import Direction, Story, around, path
from storage.access import Access, Cause, Edge, EdgeKind, End, NewEdge, NewEvent
from storage.engine import Database, sqlite_url
from storage.ids import new_id
from storage.migrate import upgrade
from storage.queries.lineage import LineageQueries
from storage.unit_of_work import unit_of_work

WALKS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS = get_args(EdgeKind)
Pairs = list[tuple[int, int]]


class Stage:
    """One database and one loop for many examples; each graph has a tenant of its own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "slipway.db"
        upgrade(sqlite_url(self.file))
        self.runner = asyncio.Runner()
        self.database = Database(sqlite_url(self.file))

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def close(self) -> None:
        self.runner.run(self.database.close())
        self.runner.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("lineage"))
    yield stage
    stage.close()


class Drawn:
    """Numbers as nodes; an edge leads from the first of each pair to the second. Hidden ones are out of sight."""

    def __init__(self, stage: Stage, pairs: Pairs, *, nodes: int = 0, hidden: Sequence[int] = ()) -> None:
        self.stage, self.hidden = stage, set(hidden)
        self.access = Access(tenant_id=new_id())
        size = 1 + max([nodes - 1, *(max(pair) for pair in pairs)])
        self.ends: list[End] = [("Commit", new_id()) for _ in range(size)]
        self.number = {end: place for place, end in enumerate(self.ends)}
        if pairs:
            stage.run(self._write(pairs))

    async def _write(self, pairs: Pairs) -> None:
        cause = Cause(actor_id=None, on_behalf_of=None, trace_id="a" * 32, correlation_id="r", causation_id="r")
        told = {"event_type": "Drawn", "schema_version": 1, "subject_type": "Commit", "payload": {}}
        async with unit_of_work(self.stage.database, self.access, cause) as uow:
            uow.append(NewEvent(subject_id=new_id(), **told))  # type: ignore[arg-type]  # mixed values
            for place, (upstream, downstream) in enumerate(pairs):
                ends = {"upstream": self.ends[upstream], "downstream": self.ends[downstream]}
                uow.link(NewEdge(kind=KINDS[place % len(KINDS)], project_id=None, **ends))
            await uow.commit()

    async def edges(self, ends: Sequence[End], *, downstream: bool, limit: int) -> list[Edge]:
        ids = [row_id for _, row_id in ends]
        async with self.stage.database.reading(self.access) as session:
            return await LineageQueries(session, self.access).edges(ids, downstream=downstream, limit=limit)

    async def nodes(self, ends: Sequence[End]) -> dict[End, int]:
        return {end: self.number[end] for end in ends if self.number[end] not in self.hidden}

    def around(self, start: int, way: Direction, depth: int = 16, first: int = 100) -> Story | None:
        found: Story | None = self.stage.run(around(self, self.ends[start], way, depth=depth, first=first))
        return found

    def path(self, start: int, goal: int, depth: int = 16) -> Story:
        found: Story = self.stage.run(path(self, self.ends[start], self.ends[goal], depth=depth))
        return found

    def pairs(self, story: Story) -> set[tuple[int, int]]:
        return {(self.number[edge.upstream], self.number[edge.downstream]) for edge in story.edges}


def closure(pairs: Pairs, start: int, way: Direction, depth: int, hidden: set[int]) -> tuple[set[int], Any]:
    """The same by plain sets: the nodes within depth and the edges followed, each direction for itself."""
    nodes, edges = {start}, set()
    for downstream in (False, True):
        if way is not Direction.BOTH and way is not (Direction.DOWNSTREAM if downstream else Direction.UPSTREAM):
            continue
        front, reached = {start}, {start}
        for _ in range(depth):
            followed = {p for p in pairs if p[not downstream] in front and p[downstream] not in hidden}
            edges |= followed
            front = {p[downstream] for p in followed} - reached
            reached |= front
        nodes |= reached
    return nodes, edges


graphs = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30, unique=True)
dags = graphs.map(lambda pairs: [(a, b) for a, b in pairs if a < b])


@given(
    pairs=dags | graphs,
    way=st.sampled_from(Direction),
    depth=st.integers(1, 16),
    start=st.integers(0, 11),
    hidden=st.sets(st.integers(0, 11), max_size=3),
)
@WALKS
def test_any_graph_is_walked_as_by_plain_sets(
    stage: Stage, pairs: Pairs, way: Direction, depth: int, start: int, hidden: set[int]
) -> None:
    drawn = Drawn(stage, pairs, nodes=12, hidden=list(hidden))
    story = drawn.around(start, way, depth)
    if start in hidden:
        assert story is None
        return
    assert story is not None
    nodes, edges = closure(pairs, start, way, depth, hidden)
    assert (story.nodes[0], set(story.nodes), len(story.nodes)) == (start, nodes, len(nodes))
    assert (drawn.pairs(story), len(story.edges)) == (edges, len(edges))
    assert story.truncated is False


@given(pairs=dags | graphs, ends=st.tuples(st.integers(0, 11), st.integers(0, 11)), depth=st.integers(1, 16))
@WALKS
def test_a_path_is_a_shortest_one_and_its_edges_lead_there(
    stage: Stage, pairs: Pairs, ends: tuple[int, int], depth: int
) -> None:
    start, goal = ends
    drawn = Drawn(stage, pairs, nodes=12)
    story = drawn.path(start, goal, depth)
    lengths = [
        steps
        for way in (Direction.DOWNSTREAM, Direction.UPSTREAM)
        for steps in range(1, depth + 1)
        if goal in closure(pairs, start, way, steps, set())[0]
    ]
    if start != goal and not lengths:
        assert story == Story()
        return
    assert (story.nodes[0], story.nodes[-1]) == (start, goal)
    assert len(story.edges) == len(story.nodes) - 1 == (0 if start == goal else min(lengths))
    hops = list(zip(story.nodes, story.nodes[1:], strict=False))
    gone = [(drawn.number[edge.upstream], drawn.number[edge.downstream]) for edge in story.edges]
    assert gone in (hops, [(b, a) for a, b in hops])


@given(pairs=dags, first=st.integers(1, 12), start=st.integers(0, 11))
@WALKS
def test_a_bound_keeps_the_nearest_and_tells_that_it_cut(stage: Stage, pairs: Pairs, first: int, start: int) -> None:
    drawn = Drawn(stage, pairs, nodes=12)
    story = drawn.around(start, Direction.DOWNSTREAM, first=first)
    nodes, edges = closure(pairs, start, Direction.DOWNSTREAM, 16, set())
    assert story is not None
    assert len(story.nodes) == min(first, len(nodes))
    assert drawn.pairs(story) <= {(a, b) for a, b in edges if {a, b} <= set(story.nodes)}
    assert story.truncated is (len(nodes) > first or len(edges) > 4 * first)
    far = {start: 0}
    for steps in range(1, 17):
        far = dict.fromkeys(closure(pairs, start, Direction.DOWNSTREAM, steps, set())[0], steps) | far
    assert [far[n] for n in story.nodes] == sorted(far[n] for n in nodes)[: len(story.nodes)]


def test_edges_are_bounded_at_four_for_each_node(stage: Stage) -> None:
    dense = [(a, b) for a in range(12) for b in range(12) if a < b]
    drawn = Drawn(stage, dense)
    story = drawn.around(0, Direction.DOWNSTREAM, first=12)
    assert story is not None
    assert (len(story.nodes), len(story.edges), story.truncated) == (12, 48, True)


def test_a_search_too_wide_says_that_it_gave_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    fan = [(0, n) for n in range(1, 9)]
    drawn = Drawn(stage, [*fan, *((n, 9) for n in range(1, 9)), (8, 10)])
    assert [len(drawn.path(0, goal).nodes) for goal in (9, 10)] == [3, 3]
    monkeypatch.setattr("services.platform.lineage.SEARCHED", 4)
    assert drawn.path(0, 10) == Story(truncated=True)


def test_a_level_is_one_statement_however_wide(stage: Stage) -> None:
    heard: list[str] = []
    engine = stage.database._reader.sync_engine

    def hear(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        heard.append(statement)

    counts = []
    for width in (1, 20):
        middle = range(1, width + 1)
        drawn = Drawn(stage, [*((0, n) for n in middle), *((n, width + 1) for n in middle)])
        event.listen(engine, "before_cursor_execute", hear)
        story = drawn.around(0, Direction.DOWNSTREAM)
        event.remove(engine, "before_cursor_execute", hear)
        assert story is not None
        assert len(story.nodes) == width + 2
        counts.append(len([statement for statement in heard if statement.startswith("SELECT")]))
        heard.clear()
    assert counts == [3, 3]  # two levels, and one that finds that nothing follows


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize(
    ("downstream", "index"),
    [
        (True, "sqlite_autoindex_edges_1 (tenant_id=? AND upstream_id=?)"),
        (False, "ix_edges_downstream (tenant_id=? AND downstream_id=?)"),
    ],
)
def test_both_ways_are_read_by_an_index(stage: Stage, downstream: bool, index: str, limited: bool) -> None:
    said: list[tuple[str, Any]] = []
    engine = stage.database._reader.sync_engine

    def hear(conn: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.startswith("SELECT"):
            said.append((statement, parameters))

    access = Access(tenant_id=new_id(), project_ids=(new_id(), new_id()) if limited else None)

    async def ask() -> None:
        async with stage.database.reading(access) as session:
            ids: list[UUID] = [new_id(), new_id(), new_id()]
            await LineageQueries(session, access).edges(ids, downstream=downstream, limit=10)

    event.listen(engine, "before_cursor_execute", hear)
    stage.run(ask())
    event.remove(engine, "before_cursor_execute", hear)
    ((statement, parameters),) = said
    with sqlite3.connect(stage.file) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    connection.close()
    assert plan[:2] == [
        f"SEARCH edges USING INDEX {index}",
        "SEARCH events USING INDEX sqlite_autoindex_events_1 (tenant_id=? AND event_id=?)",
    ]
