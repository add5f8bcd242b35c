"""Filters and orderings of lists: typed, bounded, counted, and one statement a level."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type
from sqlalchemy import event
from sqlalchemy.schema import Table

from resolvers.masking import graphql_schema
from resolvers.root import Query
from schema.filters import filter_of, narrowed, order_of
from schema.mapping import Every, ToMany, sources
from schema.types import TYPES
from tests.api.conftest import Client

SERVICE = {"kind": "SERVICE", "language": "PYTHON", "baseVersion": "1.0", "port": 80}
LIBRARY = {"kind": "LIBRARY", "language": "NODE", "baseVersion": "1.0"}
MODULES = """query($filter: ModuleFilter, $order: ModuleOrder, $first: Int, $after: String) {
    modules(filter: $filter, orderBy: $order, first: $first, after: $after) {
        totalCount nodes { name } pageInfo { endCursor } } }"""


@pytest.fixture
async def booking(admin: Client) -> dict[str, str]:
    """A project with two services and a library."""
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    ids = {"booking": project}
    for name, fields in (("web", SERVICE), ("api", SERVICE), ("core_lib", LIBRARY)):
        made = await admin.done(
            "registerModule", "module { id }", projectId=project, name=name.replace("_", "-"), **fields
        )
        ids[name] = made["module"]["id"]
    return ids


async def names(client: Client, filter: dict[str, Any] | None = None, order: dict[str, str] | None = None) -> list[str]:
    found = (await client.ask(MODULES, filter=filter, order=order))["modules"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["name"] for node in found["nodes"]]


@pytest.mark.parametrize(
    ("filter", "wanted"),
    [
        (None, ["web", "api", "core-lib"]),
        ({}, ["web", "api", "core-lib"]),
        ({"kind": "SERVICE"}, ["web", "api"]),
        ({"kind": ["SERVICE", "LIBRARY"], "language": "NODE"}, ["core-lib"]),
        ({"name": ["api", "nothing"]}, ["api"]),
        ({"name": []}, []),
        ({"nameContains": "E"}, ["web", "core-lib"]),
        ({"nameContains": "%"}, []),
        ({"nameContains": "_"}, []),
        ({"createdAt": {"from": "2020-01-01T00:00:00Z"}}, ["web", "api", "core-lib"]),
        ({"createdAt": {"before": "2020-01-01T00:00:00Z"}}, []),
    ],
)
async def test_a_filter_narrows_the_list_and_its_count(
    admin: Client, booking: dict[str, str], filter: dict[str, Any] | None, wanted: list[str]
) -> None:
    assert await names(admin, filter) == wanted


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ({"field": "NAME"}, ["api", "core-lib", "web"]),
        ({"field": "NAME", "direction": "DESC"}, ["web", "core-lib", "api"]),
        ({"field": "CREATED_AT", "direction": "DESC"}, ["core-lib", "api", "web"]),
    ],
)
async def test_an_ordering_turns_the_list(
    admin: Client, booking: dict[str, str], order: dict[str, str], wanted: list[str]
) -> None:
    assert await names(admin, order=order) == wanted


async def test_an_id_of_a_filter_selects_below_a_parent(admin: Client, booking: dict[str, str]) -> None:
    for module in ("web", "api"):
        fields = {"projectId": booking["booking"], "producer": "gen", "name": module, "moduleId": booking[module]}
        await admin.done("registerArtifact", "artifact { id }", **fields)
    query = """query($ids: [ID!]) { project(name: "booking") {
        artifacts(filter: {moduleId: $ids}) { totalCount nodes { name } } } }"""
    found = await admin.ask(query, ids=[booking["api"]])
    assert found["project"]["artifacts"] == {"totalCount": 1, "nodes": [{"name": "api"}]}


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"nameContains": "a\0b"}, "filter.nameContains"),
        ({"nameContains": "a" * 301}, "filter.nameContains"),
        ({"name": ["a\0"]}, "filter.name"),
        ({"name": ["a"] * 101}, "filter.name"),
    ],
)
async def test_a_filter_that_cannot_be_says_where(admin: Client, filter: dict[str, Any], field: str) -> None:
    answer = (await admin.raw(MODULES, {"filter": filter})).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID_INPUT"]
    assert field in answer["errors"][0]["message"]


async def test_an_id_of_another_type_in_a_filter_is_refused(admin: Client, booking: dict[str, str]) -> None:
    query = "query($ids: [ID!]) { artifacts(filter: {moduleId: $ids}) { totalCount } }"
    answer = (await admin.raw(query, {"ids": [booking["booking"]]})).json()
    assert "is the id of a Project, not of a Module" in answer["errors"][0]["message"]


async def test_a_cursor_of_another_ordering_is_refused(admin: Client, booking: dict[str, str]) -> None:
    page = (await admin.ask(MODULES, order={"field": "NAME"}, first=1))["modules"]
    answer = (await admin.raw(MODULES, {"after": page["pageInfo"]["endCursor"]})).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID_INPUT"]


@pytest.mark.parametrize("value", ["1", "null", "true", "[]", '"a\\u0000"', "1e400"])
async def test_a_cursor_with_a_value_of_another_type_is_refused(
    admin: Client, booking: dict[str, str], value: str
) -> None:
    forged = base64.urlsafe_b64encode(f'["name",{value},"{"0" * 32}"]'.encode()).decode()
    answer = (await admin.raw(MODULES, {"order": {"field": "NAME"}, "after": forged})).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID_INPUT"]


@contextmanager
def counting(client: Client) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(*told: Any) -> None:
        statements.append(told[2])

    engine = client.slipway.database._reader.sync_engine
    event.listen(engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine, "before_cursor_execute", count)


async def test_nested_lists_and_counts_cost_the_same_statements_at_1_and_20_parents(admin: Client) -> None:
    query = """query($first: Int) { projects(first: $first) { nodes {
        modules(filter: {kind: LIBRARY}, orderBy: {field: NAME}, first: 2) { totalCount nodes { name } }
        environments { nodes { repository { name } } } } } }"""
    for number in range(20):
        project = await admin.done("createProject", "project { id }", name=f"p{number}")
        in_project = {"projectId": project["project"]["id"]}
        await admin.done("declareEnvironment", "environment { id }", **in_project, name="dev")
        for name in ("b", "a", "c"):
            await admin.done("registerModule", "module { id }", **in_project, name=name, **LIBRARY)
    counted: list[int] = []
    for first in (1, 20):
        with counting(admin) as statements:
            found = (await admin.ask(query, first=first))["projects"]["nodes"]
        wanted = {"totalCount": 3, "nodes": [{"name": "a"}, {"name": "b"}]}
        assert [project["modules"] for project in found] == [wanted] * first
        tables = ("FROM projects", "FROM modules", "FROM environments", "FROM repositories")
        counted.append(len([text for text in statements if any(table in text for table in tables)]))
    assert counted == [5, 5]


# What Git says page by page: it has no rows to filter and one order.
NOT_ROWS = {"Branch.commits", "Commit.commits", "Repository.commits", "Tree.entries"}


def lists() -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for kind in graphql_schema._schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                answered = get_named_type(field.type)
                if isinstance(answered, GraphQLObjectType) and answered.name.endswith("Connection"):
                    found.append((f"{kind.name}.{name}", answered.name.removesuffix("Connection"), field.args))
    return [told for told in found if told[0] not in NOT_ROWS]


@pytest.mark.parametrize(("name", "target", "args"), lists(), ids=[name for name, _, _ in lists()])
def test_every_list_takes_the_filter_the_ordering_and_the_pages_of_its_type(
    name: str, target: str, args: dict[str, Any]
) -> None:
    told = {argument: str(get_named_type(value.type)) for argument, value in args.items()}
    assert told == {
        "filter": f"{target}Filter",
        "orderBy": f"{target}Order",
        "first": "Int",
        "after": "String",
        "last": "Int",
        "before": "String",
    }
    filter = graphql_schema._schema.type_map[f"{target}Filter"]
    assert isinstance(filter, GraphQLInputObjectType)
    assert len(filter.fields) == len(vars(filter_of(target)())) > 0


def pages() -> list[tuple[str, str | None]]:
    """Each list that is rows of one table: its type, and the column below a parent."""
    declared: list[tuple[str, str | None]] = []
    for owner in (Query, *(type_ for type_, _ in TYPES.values())):
        for source in sources(owner).values():
            if isinstance(source, ToMany):
                declared.append((source.target, source.key))
            elif isinstance(source, Every):
                declared.append((source.target, None))
    return sorted(set(declared), key=repr)


@pytest.mark.parametrize(("target", "key"), pages())
def test_every_ordering_of_every_list_has_its_index(target: str, key: str | None) -> None:
    table: Table = TYPES[target][1].__table__  # type: ignore[attr-defined]
    indices = [[column.name for column in index.columns] for index in table.indexes]
    indices += [[column.name for column in constraint.columns] for constraint in table.constraints]  # type: ignore[attr-defined]
    members: Any = order_of(target).__annotations__["field"]
    for member in members:
        ordering = order_of(target)(field=member)
        column = narrowed(target, None, ordering)[1].column
        wanted = ["tenant_id", *([key] if key else []), column]
        assert [index for index in indices if index[: len(wanted)] == wanted] != [], wanted
