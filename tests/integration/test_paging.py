"""Every ordering pages through exactly the whole list, whatever the ties, nulls, page sizes and direction."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel

from resolvers.loaders import RowLoaders
from schema.connections import asked
from schema.filters import narrowed, order_of
from services.actor import Actor
from storage.access import Access
from storage.engine import Database, sqlite_url
from storage.ids import new_id
from storage.tables.platform import TokenRow
from storage.tables.source_control import BranchRow

DAY = datetime(2030, 1, 1, tzinfo=UTC)
WALKS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Stage:
    """One database and one loop for many examples; each has a tenant of its own."""

    def __init__(self, path: Path) -> None:
        self.runner = asyncio.Runner()
        self.database = Database(sqlite_url(path / "slipway.db"))
        self.runner.run(self._create())

    async def _create(self) -> None:
        async with self.database._writer.begin() as connection:
            await connection.execution_options(slipway_access="system")
            await connection.run_sync(SQLModel.metadata.create_all)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def close(self) -> None:
        self.runner.run(self.database.close())
        self.runner.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("paging"))
    yield stage
    stage.close()


def caller(tenant: UUID) -> Actor:
    return Actor(
        identity_id=new_id(),
        tenant_id=tenant,
        token_id=new_id(),
        name="a",
        email="a@example.test",
        on_behalf_of=None,
        scopes=frozenset({"devops.admin"}),
        project_ids=None,
        expires_at=0.0,
    )


async def walk(loaders: Any, target: str, below: Any, order: Any, sizes: list[int], backward: bool) -> list[Any]:
    """Every row by pages of these sizes, in the order of the list whichever way it is walked."""
    found: list[Any] = []
    cursor: str | None = None
    for turn in range(200):
        size = sizes[turn % len(sizes)]
        forward, back = (None, size) if backward else (size, None)
        after, before = (None, cursor) if backward else (cursor, None)
        wanted = asked((), order, forward, after, back, before)
        page = await (loaders.root(target, wanted) if below is None else loaders.many(target, *below, wanted))
        rows = [node.row for node in page.nodes()]
        found = rows + found if backward else found + rows
        more = page.page_info.has_previous_page if backward else page.page_info.has_next_page
        assert await page.count() >= len(found)
        if not more:
            assert len(found) == await page.count()
            return found
        cursor = page.page_info.start_cursor if backward else page.page_info.end_cursor
    raise AssertionError("the walk does not end")


async def seed(database: Database, tenant: UUID, rows: list[Any]) -> None:
    async with database.writing(Access(tenant_id=tenant)) as session:
        session.add_all(rows)
        await session.commit()


def ordering(target: str, field: str, descending: bool) -> Any:
    told = order_of(target)
    members: Any = told.__annotations__["field"]
    direction: Any = told.__annotations__["direction"]
    given_order = told(field=members(field), direction=direction("DESC" if descending else "ASC"))
    return narrowed(target, None, given_order)[1]


moments = st.integers(0, 3).map(lambda days: DAY + timedelta(days=days))
sizes = st.lists(st.integers(1, 7), min_size=1, max_size=4)


@given(
    tokens=st.lists(st.tuples(moments, st.none() | moments), max_size=25),
    field=st.sampled_from(["created_at", "expires_at", "revoked_at"]),
    descending=st.booleans(),
    sizes=sizes,
    backward=st.booleans(),
)
@WALKS
def test_pages_of_the_root_join_to_the_whole_list(
    stage: Stage, tokens: list[Any], field: str, descending: bool, sizes: list[int], backward: bool
) -> None:
    tenant, identity = new_id(), new_id()
    rows = [
        TokenRow(tenant_id=tenant, identity_id=identity, name="t", scopes=[], expires_at=expires, revoked_at=revoked)
        for expires, revoked in tokens
    ]
    ids = [row.id for row in rows]
    never = DAY - timedelta(days=1)
    keys = {row.id: (row.id,) if field == "created_at" else (getattr(row, field) or never, row.id) for row in rows}
    stage.run(seed(stage.database, tenant, rows))
    loaders = stage.run(_loaders(stage.database, tenant))
    order = ordering("Token", field, descending)
    found = stage.run(walk(loaders, "Token", None, order, sizes, backward))
    assert [row.id for row in found] == sorted(ids, key=lambda row_id: keys[row_id], reverse=descending)


@given(
    moved=st.lists(st.tuples(st.integers(0, 2), moments), max_size=30),
    field=st.sampled_from(["created_at", "name", "updated_at"]),
    descending=st.booleans(),
    sizes=sizes,
    backward=st.booleans(),
)
@WALKS
def test_pages_below_a_parent_join_to_its_whole_list(
    stage: Stage, moved: list[Any], field: str, descending: bool, sizes: list[int], backward: bool
) -> None:
    tenant, parents = new_id(), [new_id() for _ in range(3)]
    rows = [
        BranchRow(
            tenant_id=tenant,
            project_id=tenant,
            repository_id=parents[parent],
            name=f"b{-number}é",
            head_sha="0" * 40,
            updated_at=moment,
            trace_id="a" * 32,
        )
        for number, (parent, moment) in enumerate(moved)
    ]
    keys = {row.id: (row.id,) if field == "created_at" else (getattr(row, field), row.id) for row in rows}
    below = [[row.id for row in rows if row.repository_id == parent] for parent in parents]
    stage.run(seed(stage.database, tenant, rows))
    loaders = stage.run(_loaders(stage.database, tenant))
    order = ordering("Branch", field, descending)

    async def all_of_them() -> list[list[Any]]:
        walks = [walk(loaders, "Branch", ("repository_id", p), order, sizes, backward) for p in parents]
        return await asyncio.gather(*walks)

    found = [[row.id for row in walked] for walked in stage.run(all_of_them())]
    assert found == [sorted(ids, key=lambda row_id: keys[row_id], reverse=descending) for ids in below]


async def _loaders(database: Database, tenant: UUID) -> RowLoaders:
    return RowLoaders(database, caller(tenant))
