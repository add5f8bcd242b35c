"""What the limits and the introspection setting mean to a client, and that what is documented passes under them."""

import asyncio
import re
from dataclasses import fields
from pathlib import Path

import pytest
from graphql import get_introspection_query

from main import Settings, Slipway
from resolvers.operations import Operations
from schema.limits import Limits
from tests.api.conftest import Client
from tests.machine import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def camel(name: str) -> str:
    return re.sub("_(.)", lambda found: found[1].upper(), name)


async def test_the_viewer_is_told_every_limit(admin: Client) -> None:
    told = {camel(field.name): getattr(Limits(), field.name) for field in fields(Limits)}
    assert (await admin.ask(f"{{ viewer {{ limits {{ {' '.join(told)} }} }} }}"))["viewer"]["limits"] == told
    assert told["cost"] == 50_000


async def test_limits_and_introspection_are_settings(tmp_path: Path) -> None:
    environ = {"SLIPWAY_DATA": str(tmp_path), "SLIPWAY_LIMIT_DEPTH": "3", "SLIPWAY_INTROSPECTION": "off"}
    slipway = Slipway(Settings.from_env(environ))
    client = Client(slipway, str(await slipway.start()))
    assert (await client.ask("{ viewer { limits { depth } } }"))["viewer"]["limits"] == {"depth": 3}
    deep = (await client.raw("{ projects { nodes { modules { totalCount } } } }")).json()
    assert deep == {
        "errors": [
            {
                "message": "the operation is nested 4 fields deep: the limit is 3",
                "extensions": {"code": "LIMIT_EXCEEDED", "limit": "depth", "value": 4, "bound": 3},
            }
        ]
    }
    refused = (await client.raw("{ __schema { queryType { name } } }")).json()
    assert refused["errors"][0]["extensions"]["code"] == "INTROSPECTION_DISABLED"
    assert await client.ask('{ __type(name: "Query") { name } }') == {"__type": {"name": "Query"}}
    await slipway.database.close()


async def test_an_operation_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slipway = Slipway(Settings.from_env({"SLIPWAY_DATA": str(tmp_path), "SLIPWAY_LIMIT_OPERATION_MS": "20"}))
    token = str(await slipway.start())

    async def endless(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("resolvers.loaders.RowLoaders.root", endless)
    headers = {"accept": "application/graphql-response+json", "authorization": f"Bearer {token}"}
    client = Client(slipway, token)
    answer = await client.http.post("/graphql", json={"query": "{ projects { totalCount } }"}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (
        503,
        {"code": "TIMED_OUT", "limit": "operationMs", "bound": 20},
    )
    await slipway.database.close()


async def test_an_answer_tells_at_most_nine_errors(admin: Client) -> None:
    nodes = " ".join(f'a{number}: node(id: "nonsense-{number}") {{ id }}' for number in range(12))
    answer = (await admin.raw(f"{{ {nodes} }}")).json()
    assert len(answer["errors"]) == 9
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID_INPUT"}
    assert set(answer["data"].values()) == {None}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_every_documented_operation_passes_under_the_default_limits(page: Path) -> None:
    operations = Operations(Limits())
    for text in re.findall(r"^```graphql\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        document = operations.documents.get(text, None)
        operations.documents.check_cost(document, {})


def test_the_introspection_of_stock_clients_passes_under_the_default_limits() -> None:
    operations = Operations(Limits())
    for query in (get_introspection_query(), get_introspection_query(descriptions=False, input_value_deprecation=True)):
        operations.documents.check_cost(operations.documents.get(query, None), {})
