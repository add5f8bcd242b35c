"""Ways past the tenant guard, each refused; and lawful statements of the same shapes, which pass."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    URL,
    Column,
    MetaData,
    String,
    Table,
    any_,
    bindparam,
    case,
    column,
    delete,
    exists,
    func,
    insert,
    inspect,
    lateral,
    literal,
    literal_column,
    not_,
    or_,
    select,
    table,
    text,
    true,
    tuple_,
    union_all,
    update,
    values,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import aliased
from sqlalchemy.schema import DropTable

from storage.access import Access
from storage.engine import Database
from storage.errors import TenantViolation
from storage.ids import new_id
from storage.tables.operations import CursorRow, EventRow
from storage.tables.platform import ArtifactRow, ProjectRow
from tests.machine import needs
from tests.postgres import Postgres

MINE, OTHER = new_id(), new_id()
HERE, THERE = new_id(), new_id()
Project: Any = ProjectRow
Artifact: Any = ArtifactRow
PROJECTS: Any = inspect(ProjectRow).local_table
ARTIFACTS: Any = inspect(ArtifactRow).local_table
EVENTS: Any = inspect(EventRow).local_table
CURSORS: Any = inspect(CursorRow).local_table
P, A, E = PROJECTS.c, ARTIFACTS.c, EVENTS.c
UPSERT: Any = sqlite.insert(PROJECTS).values(tenant_id=MINE, id=HERE, name="n", display_name="")
Make = Callable[[], Any]


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    async with database.writing(None) as session:
        for tenant, project in ((MINE, HERE), (MINE, THERE), (OTHER, new_id())):
            session.add(ProjectRow(tenant_id=tenant, id=project, name=project.hex, display_name="x"))
            session.add(ArtifactRow(tenant_id=tenant, project_id=project, producer="p", name="n", trace_id="a" * 32))
        await session.commit()
    yield database
    await database.close()


def inner(*more: Any) -> Any:
    return select(P.id).where(P.tenant_id == MINE, *more)


def elsewhere() -> Any:
    """A subquery on the same table that names the tenant, which says nothing of the query around it."""
    return select(literal(1)).select_from(PROJECTS.alias("other")).where(literal(MINE) == P.tenant_id)


PAST: dict[str, Make] = {
    # the predicate is absent, or holds not always
    "core": lambda: select(P.name),
    "orm": lambda: select(Project),
    "count": lambda: select(func.count()).select_from(PROJECTS),
    "or": lambda: select(P.name).where(or_(P.tenant_id == MINE, P.name != "")),
    "or_true": lambda: select(P.name).where(or_(P.tenant_id == MINE, true())),
    "not": lambda: select(P.name).where(not_(P.tenant_id == MINE)),
    "unequal": lambda: select(P.name).where(P.tenant_id != MINE),
    "having": lambda: select(P.tenant_id).group_by(P.tenant_id).having(P.tenant_id == MINE),
    "other_tenant": lambda: select(P.name).where(P.tenant_id == OTHER),
    "both_tenants": lambda: select(P.name).where(P.tenant_id == MINE, P.tenant_id == OTHER),
    "tenants_in": lambda: select(P.name).where(P.tenant_id.in_([MINE, OTHER])),
    "tuple": lambda: select(P.name).where(tuple_(P.tenant_id, P.id).in_([(OTHER, HERE)])),
    "of_itself": lambda: select(P.name).where(P.tenant_id == P.tenant_id),
    "in_the_columns": lambda: select(P.name, P.tenant_id == MINE),
    # other tables, by every way into a FROM
    "cartesian": lambda: select(P.name, A.name).where(P.tenant_id == MINE),
    "join": lambda: select(P.name).join(ARTIFACTS, A.project_id == P.id).where(P.tenant_id == MINE),
    "join_by_column": lambda: select(P.name).join(ARTIFACTS, A.tenant_id == P.tenant_id).where(P.tenant_id == MINE),
    "outer_join_on_the_left": lambda: select(P.name).outerjoin(
        ARTIFACTS, (A.tenant_id == MINE) & (P.tenant_id == MINE)
    ),
    "full_join": lambda: select(P.name).join(ARTIFACTS, (A.tenant_id == MINE) & (P.tenant_id == MINE), full=True),
    "alias": lambda: select(PROJECTS.alias("p").c.name).where(P.tenant_id == MINE),
    "second_alias": lambda: (lambda a, b: select(a.c.name).where(a.c.tenant_id == MINE, b.c.name != ""))(
        PROJECTS.alias("a"), PROJECTS.alias("b")
    ),
    "orm_alias": lambda: select(aliased(Project)).where(Project.tenant_id == MINE),
    "alias_of_alias": lambda: select(PROJECTS.alias("a").alias("b").c.name),
    "right_nested_join": lambda: (
        select(P.name)
        .select_from(PROJECTS.join(ARTIFACTS.join(EVENTS, E.subject_id == A.id), A.project_id == P.id))
        .where(P.tenant_id == MINE)
    ),
    "right_nested_outer_join": lambda: select(A.name).select_from(
        CURSORS.outerjoin(ARTIFACTS.outerjoin(PROJECTS, (P.tenant_id == MINE) & (A.tenant_id == MINE)), true())
    ),
    "orm_alias_join": lambda: (
        lambda a: (
            select(Project.name)
            .join(a, a.project_id == Project.id)
            .where(Project.tenant_id == MINE, Artifact.tenant_id == MINE)
        )
    )(aliased(Artifact)),
    "tablesample": lambda: select(PROJECTS.tablesample(100).c.name),
    "cte": lambda: select(select(P.name).cte("c")),
    "cte_beside": lambda: (lambda c: select(c.c.id, P.name))(inner().cte("c")),
    "recursive_cte": lambda: (lambda c: select(c.union_all(select(A.id).join(c, A.project_id == c.c.id))))(
        inner().cte("c", recursive=True)
    ),
    "subquery": lambda: select(select(P.name).subquery()),
    "lateral": lambda: select(P.name, lateral(select(A.name.label("x")).where(A.project_id == P.id)).c.x).where(
        P.tenant_id == MINE
    ),
    "lateral_in_two_scopes": lambda: (
        lambda x: union_all(select(P.id, x.c.name).where(P.tenant_id == MINE), select(x.c.name, x.c.name))
    )(lateral(select(A.name).where(A.tenant_id == MINE, A.project_id == P.id))),
    "independent_cte": lambda: inner().add_cte(select(A.name).cte("c")),
    "window": lambda: select(func.max(select(A.name).limit(1).scalar_subquery()).over(partition_by=P.id)).where(
        P.tenant_id == MINE
    ),
    "window_order": lambda: select(func.row_number().over(order_by=select(func.max(A.name)).scalar_subquery())).where(
        P.tenant_id == MINE
    ),
    "filtered_count": lambda: (
        select(func.count().filter(exists(select(A.id)))).select_from(PROJECTS).where(P.tenant_id == MINE)
    ),
    "case": lambda: select(case((exists(select(A.id)), 1), else_=0)),
    "case_in_where": lambda: select(P.name).where(case((P.tenant_id == MINE, true()), else_=true())),
    "any": lambda: inner(any_(select(A.project_id).scalar_subquery()) == P.id),
    "not_distinct": lambda: select(P.name).where(P.tenant_id.is_not_distinct_from(OTHER)),
    "as_text": lambda: select(P.name).where(P.tenant_id == bindparam("x", OTHER.hex, type_=String)),
    "values_rows": lambda: select(
        values(column("a", String), name="v").data([(select(func.max(A.name)).scalar_subquery(),)])
    ),
    "table_valued": lambda: select(
        func.json_each(select(func.max(A.name)).scalar_subquery()).table_valued("value").c.value
    ),
    "scalar": lambda: select(select(func.count(A.id)).scalar_subquery()),
    "in_subquery": lambda: inner(P.id.in_(select(A.project_id))),
    "exists": lambda: inner(exists().where(A.project_id == P.id)),
    "exists_says_it_for_the_outer": lambda: select(P.name).where(
        exists(select(A.id).where(A.tenant_id == MINE, P.tenant_id == MINE))
    ),
    "subquery_says_it_for_the_outer": lambda: select(P.name).where(P.id.in_(inner())),
    "not_correlated": lambda: inner(exists(select(P.id).where(P.name != "").correlate(None))),
    "union": lambda: union_all(inner(), select(P.id)),
    "intersect_in_cte": lambda: select(inner().intersect(select(P.id)).cte("c")),
    "order_by": lambda: inner().order_by(select(func.max(A.name)).scalar_subquery()),
    # writes
    "insert_other": lambda: insert(PROJECTS).values(tenant_id=OTHER, id=new_id(), name="n", display_name=""),
    "insert_rows": lambda: insert(PROJECTS).values([{"tenant_id": OTHER, "id": new_id()}]),
    "insert_computed": lambda: insert(PROJECTS).values(tenant_id=literal_column("'x'"), id=new_id()),
    "insert_by_subquery": lambda: insert(PROJECTS).values(tenant_id=select(P.tenant_id).limit(1).scalar_subquery()),
    "insert_from_select": lambda: insert(PROJECTS).from_select(["tenant_id", "id"], select(P.tenant_id, P.id)),
    "insert_reading": lambda: insert(CURSORS).values(
        worker="w", position=select(func.count(E.position)).scalar_subquery()
    ),
    "insert_from_select_without_tenant": lambda: insert(CURSORS).from_select(
        ["worker", "position"], select(E.event_type, E.sequence)
    ),
    "upsert_moves": lambda: (
        sqlite.insert(PROJECTS)
        .values(tenant_id=MINE, id=HERE, name="n", display_name="")
        .on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"tenant_id": OTHER})
    ),
    "upsert_reads": lambda: UPSERT.on_conflict_do_update(
        index_elements=["tenant_id", "id"], set_={"name": select(A.name).limit(1).scalar_subquery()}
    ),
    "upsert_where_reads": lambda: UPSERT.on_conflict_do_update(
        index_elements=["tenant_id", "id"], set_={"name": "x"}, where=exists(select(A.id))
    ),
    "insert_returning": lambda: UPSERT.returning(select(func.max(A.name)).scalar_subquery()),
    "update_returning": lambda: (
        update(PROJECTS)
        .where(P.tenant_id == MINE)
        .values(name="x")
        .returning(select(func.max(A.name)).scalar_subquery())
    ),
    "update_moves_in_order": lambda: (
        update(PROJECTS).where(P.tenant_id == MINE).ordered_values((P.name, "x"), (P.tenant_id, OTHER))
    ),
    "delete_in_cte": lambda: inner().add_cte(delete(PROJECTS).returning(P.id).cte("c")),
    "insert_in_cte": lambda: select(insert(PROJECTS).values(tenant_id=OTHER).returning(P.id).cte("c")),
    "update": lambda: update(PROJECTS).values(name="x"),
    "update_or": lambda: update(PROJECTS).where(or_(P.tenant_id == MINE, true())).values(name="x"),
    "update_other": lambda: update(PROJECTS).where(P.tenant_id == OTHER).values(name="x"),
    "update_moves": lambda: update(PROJECTS).where(P.tenant_id == MINE).values(tenant_id=OTHER),
    "update_moves_by_column": lambda: update(PROJECTS).where(P.tenant_id == MINE).values(tenant_id=P.id),
    "update_orm_moves": lambda: update(Project).where(Project.tenant_id == MINE).values(tenant_id=OTHER),
    "update_reading": lambda: (
        update(PROJECTS).where(P.tenant_id == MINE).values(name=select(A.name).limit(1).scalar_subquery())
    ),
    "update_from": lambda: update(PROJECTS).where(P.tenant_id == MINE, A.project_id == P.id).values(name=A.name),
    "delete": lambda: delete(PROJECTS),
    "delete_using": lambda: delete(PROJECTS).where(P.tenant_id == MINE, E.subject_id == P.id),
    "delete_by_subquery": lambda: delete(PROJECTS).where(P.tenant_id == MINE, P.id.in_(select(A.project_id))),
    # past the expression language
    "text": lambda: text("select name from projects"),
    "text_columns": lambda: text("select id from projects").columns(P.id),
    "text_within": lambda: select(text("name from projects")),
    "text_where": lambda: inner(text("1 = 1")),
    "literal_column": lambda: select(literal_column("(select max(name) from projects)")),
    "text_from": lambda: select(column("name")).select_from(text("projects")),
    "text_of_entities": lambda: select(Project).from_statement(text("select * from projects")),
    "text_order": lambda: inner().order_by(text("(select max(name) from projects)")),
    "prefix": lambda: inner().prefix_with("(select max(name) from projects),"),
    "suffix": lambda: inner().suffix_with("union all select name from projects"),
    "hint": lambda: inner().with_statement_hint("union all select name from projects"),
    "operator": lambda: select(P.name.op("|| (select max(name) from projects) ||")("")).where(P.tenant_id == MINE),
    "other_table_object": lambda: select(Table("projects", MetaData(), Column("name", String)).c.name),
    "table": lambda: select(table("projects", column("name")).c.name),
    "table_without_columns": lambda: select(column("name")).select_from(table("projects")),
    "ddl": lambda: DropTable(PROJECTS),
}

BOUND_LATER: dict[str, tuple[Make, Any]] = {
    "select": (lambda: select(P.name).where(P.tenant_id == bindparam("t")), {"t": OTHER}),
    "update_moves": (lambda: update(PROJECTS).where(P.tenant_id == MINE), {"tenant_id": OTHER}),
    "update_moves_one": (
        lambda: update(PROJECTS).where(P.tenant_id == MINE, P.id == bindparam("row")),
        [{"row": HERE, "tenant_id": MINE}, {"row": THERE, "tenant_id": OTHER}],
    ),
    "update_by_key": (lambda: update(Project), [{"tenant_id": OTHER, "id": HERE, "name": "x"}]),
    "insert_over_values": (lambda: UPSERT, {"tenant_id": OTHER}),
    "insert_one_of_many": (
        lambda: insert(PROJECTS).returning(P.id),
        [{"tenant_id": tenant, "name": str(n), "display_name": ""} for n, tenant in enumerate([MINE, MINE, OTHER])],
    ),
    "insert_one_entity_of_many": (
        lambda: insert(Project).returning(Project.id),
        [{"tenant_id": tenant, "name": str(n), "display_name": ""} for n, tenant in enumerate([MINE, MINE, OTHER])],
    ),
}


@pytest.mark.parametrize("way", BOUND_LATER)
async def test_values_given_at_the_execution_are_looked_at(database: Database, way: str) -> None:
    make, given = BOUND_LATER[way]
    async with database.writing(Access(tenant_id=MINE)) as session:
        with pytest.raises(TenantViolation, match="is not a tenant of this session"):
            await session.execute(make(), given)


@pytest.mark.filterwarnings("ignore:SELECT statement has a cartesian product")
@pytest.mark.parametrize("way", PAST)
async def test_no_way_past_the_guard(database: Database, way: str) -> None:
    """SQLite itself knows no DELETE over two tables."""
    async with database.writing(Access(tenant_id=MINE)) as session:
        with pytest.raises(RuntimeError if way == "delete_using" else TenantViolation):
            await session.execute(PAST[way]())


@pytest.mark.parametrize("statement", ["SELECT 1", "ROLLBACK; SELECT 1", "PRAGMA query_only=OFF", "BEGIN; DELETE", ""])
async def test_raw_sql_is_refused(database: Database, statement: str) -> None:
    async with database.writing(Access(tenant_id=MINE)) as session:
        connection = await session.connection()
        with pytest.raises(TenantViolation, match="raw SQL"):
            await connection.exec_driver_sql(statement)


WITHIN: dict[str, tuple[Make, list[Any]]] = {
    "core": (lambda: select(P.id).where(P.tenant_id == MINE).order_by(P.id), [HERE, THERE]),
    "orm": (lambda: select(Project.id).where(Project.tenant_id == MINE, Project.id == HERE), [HERE]),
    "nested_and": (lambda: select(P.id).where(((P.tenant_id == MINE) & (P.id == HERE)) & (P.name != "")), [HERE]),
    "join": (
        lambda: select(A.project_id)
        .join(PROJECTS, (P.id == A.project_id) & (P.tenant_id == MINE))
        .where(A.tenant_id == MINE)
        .order_by(A.project_id),
        [HERE, THERE],
    ),
    "inner_join_on_both": (
        lambda: select(A.project_id).join(
            PROJECTS, (P.id == A.project_id) & (P.tenant_id == MINE) & (A.tenant_id == MINE) & (P.id == HERE)
        ),
        [HERE],
    ),
    "outer_join": (
        lambda: select(A.id).select_from(
            PROJECTS.outerjoin(ARTIFACTS, (A.tenant_id == MINE) & (A.project_id == P.id) & (A.name == "absent"))
        ).where(P.tenant_id == MINE),
        [None, None],
    ),
    "correlated_exists": (
        lambda: inner(P.id == HERE, exists(select(A.id).where(A.tenant_id == MINE, A.project_id == P.id))), [HERE]
    ),
    "cte": (lambda: select(inner(P.id == HERE).cte("c")), [HERE]),
    "recursive_cte": (
        lambda: (
            lambda c: select(
                c.union_all(select(A.project_id).join(c, A.id == c.c.id).where(A.tenant_id == MINE)).c.id
            )
        )(inner(P.id == HERE).cte("c", recursive=True)),
        [HERE],
    ),
    "union": (lambda: union_all(inner(P.id == HERE), inner(P.id == THERE)), [HERE, THERE]),
    "alias": (
        lambda: (lambda a: select(a.c.id).where(a.c.tenant_id == MINE, a.c.id == HERE))(PROJECTS.alias("a")), [HERE]
    ),
    "orm_alias": (
        lambda: (lambda a: select(a.id).where(a.tenant_id == MINE, a.id == HERE))(aliased(Project)), [HERE]
    ),
    "alias_of_alias": (
        lambda: (lambda a: select(a.c.id).where(a.c.tenant_id == MINE, a.c.id == HERE))(PROJECTS.alias("a").alias("b")),
        [HERE],
    ),
    "right_nested_join": (
        lambda: select(P.id).select_from(
            PROJECTS.outerjoin(ARTIFACTS.join(EVENTS, (E.subject_id == A.id) & (E.tenant_id == MINE)),
                               (A.project_id == P.id) & (A.tenant_id == MINE))
        ).where(P.tenant_id == MINE),
        [HERE, THERE],
    ),
    "window": (
        lambda: select(func.max(P.id).over(partition_by=P.id)).where(P.tenant_id == MINE).order_by(P.id), [HERE, THERE]
    ),
    "operator": (lambda: select(P.id).where(P.tenant_id == MINE, P.name.op("||")("") == HERE.hex), [HERE]),
    "no_table": (lambda: select(literal(1)), [1]),
}  # fmt: skip

CHANGES: dict[str, Make] = {
    "insert": lambda: insert(PROJECTS).values(tenant_id=MINE, id=new_id(), name="new", display_name=""),
    "upsert": lambda: UPSERT.on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"name": "new"}),
    "update": lambda: update(PROJECTS).where(P.tenant_id == MINE, P.id == HERE).values(name="new"),
    "update_orm": lambda: update(Project).where(Project.tenant_id == MINE, Project.id == HERE).values(name="new"),
    "update_by_case": lambda: (
        update(PROJECTS).where(P.tenant_id == MINE, P.id == HERE).values(name=case((P.id == HERE, "new"), else_=P.name))
    ),
    "update_reading": lambda: (
        update(PROJECTS)
        .where(P.tenant_id == MINE, P.id == HERE)
        .values(name=select(func.max(A.name)).where(A.tenant_id == MINE).scalar_subquery())
    ),
    "delete_by_subquery": lambda: delete(PROJECTS).where(
        P.tenant_id == MINE, P.id.in_(select(A.project_id).where(A.tenant_id == MINE, A.project_id == HERE))
    ),
    "delete_by_exists": lambda: delete(PROJECTS).where(
        P.tenant_id == MINE, P.id == HERE, exists(select(A.id).where(A.tenant_id == MINE, A.project_id == P.id))
    ),
}


@pytest.mark.parametrize("shape", CHANGES)
async def test_a_change_within_its_tenant_passes(database: Database, shape: str) -> None:
    async with database.writing(Access(tenant_id=MINE)) as session:
        done: Any = await session.execute(CHANGES[shape]())
        assert done.rowcount == 1


@pytest.mark.parametrize("shape", WITHIN)
async def test_a_statement_within_its_tenant_passes(database: Database, shape: str) -> None:
    make, expected = WITHIN[shape]
    async with database.reading(Access(tenant_id=MINE)) as session:
        assert list((await session.execute(make())).scalars()) == sorted(expected, key=str)


@pytest.mark.parametrize(
    "where",
    [
        lambda: (A.tenant_id == MINE,),
        lambda: (A.tenant_id == MINE, A.project_id.in_([HERE, THERE])),
        lambda: (A.tenant_id == MINE, or_(A.project_id.in_([HERE]), A.name != "")),
        lambda: (A.tenant_id == MINE, A.project_id.not_in([HERE])),
        lambda: (A.tenant_id == MINE, A.project_id == HERE),
    ],
)
async def test_a_limited_token_names_its_projects(database: Database, where: Make) -> None:
    async with database.reading(Access(tenant_id=MINE, project_ids=(HERE,))) as session:
        with pytest.raises(TenantViolation, match="beyond its projects"):
            await session.execute(select(A.id).where(*where()))


async def test_the_projects_themselves_are_named_too(database: Database) -> None:
    async with database.reading(Access(tenant_id=MINE, project_ids=(HERE,))) as session:
        with pytest.raises(TenantViolation, match="beyond its projects"):
            await session.execute(inner())
        asked = inner(P.id.in_([HERE, THERE]), P.id.in_([HERE]))
        assert (await session.execute(asked)).scalars().all() == [HERE]


async def test_a_statement_prepared_for_one_tenant_is_looked_at_for_the_next(database: Database) -> None:
    async def ask(bound: UUID, asked: UUID) -> int:
        async with database.reading(Access(tenant_id=bound)) as session:
            return len((await session.execute(select(P.id).where(P.tenant_id == asked))).all())

    assert [await ask(MINE, MINE), await ask(OTHER, OTHER)] == [2, 1]
    with pytest.raises(TenantViolation):
        await ask(MINE, OTHER)


@needs("postgresql")
async def test_a_delete_over_two_tables_is_refused(postgres: Postgres) -> None:
    database = Database(postgres.emptied())
    async with database.writing(Access(tenant_id=MINE)) as session:
        with pytest.raises(TenantViolation, match="names one table"):
            await session.execute(PAST["delete_using"]())
    await database.close()


async def test_each_row_of_many_is_looked_at(database: Database) -> None:
    async with database.writing(Access(tenant_id=MINE)) as session:
        rows = [
            ProjectRow(tenant_id=tenant, name=f"n{n}", display_name="") for n, tenant in enumerate([MINE] * 5 + [OTHER])
        ]
        session.add_all(rows)
        with pytest.raises(TenantViolation):
            await session.flush()
