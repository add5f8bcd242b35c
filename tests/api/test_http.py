"""GraphQL over HTTP: media types, status codes and what makes a request malformed."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import Client, serving
from tests.machine import ROOT, needs

JSON, GRAPHQL = "application/json", "application/graphql-response+json"
GOOD = {"query": "{ __typename }"}


async def post(client: Client, body: object, accept: str | None = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Authorization": f"Bearer {client.token}", "Content-Type": JSON} | headers
    client.http.headers["accept"] = "" if accept is None else accept
    return await client.http.post("/graphql", content=content, headers=given)


async def get(client: Client, **params: Any) -> httpx.Response:
    return await client.http.get("/graphql", params=params, headers={"Authorization": f"Bearer {client.token}"})


def codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


@needs("node")
async def test_every_audit_of_graphql_over_http_passes(admin: Client) -> None:
    async with serving(admin.slipway) as url:
        command = ("node", str(ROOT / "tests/node/audit.mjs"), url + "/graphql", admin.token)
        process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1, cwd=ROOT / "tests/node")
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    told = json.loads(out)
    assert len(told) >= 61
    assert [audit for audit in told if audit["status"] != "ok"] == []


async def test_the_answer_takes_the_media_type_that_is_asked_for(admin: Client) -> None:
    for accept, media in (
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
    ):
        answer = await post(admin, GOOD, accept)
        assert (answer.status_code, answer.headers["content-type"]) == (200, f"{media}; charset=utf-8")
        assert answer.json() == {"data": {"__typename": "Query"}}


async def test_an_accept_header_without_json_is_406(admin: Client) -> None:
    answer = await post(admin, GOOD, "image/png")
    assert (answer.status_code, codes(answer)) == (406, ["NOT_ACCEPTABLE"])


async def test_a_body_that_is_not_said_to_be_plain_json_is_415(admin: Client) -> None:
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": ""}, {"Content-Encoding": "gzip"}):
        answer = await post(admin, GOOD, **headers)
        assert (answer.status_code, codes(answer)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])


async def test_a_malformed_request_is_400_in_either_media_type(admin: Client) -> None:
    for media in (JSON, GRAPHQL):
        bodies: tuple[object, ...] = (b"", b"{", [GOOD], {}, GOOD | {"variables": []})
        for body in bodies:
            answer = await post(admin, body, media)
            assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"])
            assert "data" not in answer.json()


async def test_an_operation_that_cannot_be_executed_is_400_or_200_by_media_type(admin: Client) -> None:
    for body, code in (
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query($id: ID!) { node(id: $id) { id } }"}, "INVALID_VARIABLES"),
        ({"query": "{ __typename }", "operationName": "Other"}, "OPERATION_NOT_FOUND"),
        ({"query": "query A { __typename } query B { __typename }"}, "OPERATION_NOT_FOUND"),
        ({"query": "fragment A on Query { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
    ):
        for media, status in ((GRAPHQL, 400), (JSON, 200)):
            answer = await post(admin, body, media)
            assert (answer.status_code, set(codes(answer))) == (status, {code})
            assert "data" not in answer.json()


async def test_a_query_is_taken_over_get_with_json_variables(admin: Client) -> None:
    query = "query A($id: ID!) { node(id: $id) { id } } query B { __typename }"
    variables = json.dumps({"id": "proj-" + "0" * 32})
    answer = await get(admin, query=query, variables=variables, operationName="A", extensions="{}")
    assert (answer.status_code, answer.json()) == (200, {"data": {"node": None}})


async def test_a_mutation_over_get_is_405_and_does_nothing(admin: Client) -> None:
    answer = await get(admin, query='mutation { createProject(input: {name: "x"}) { project { id } } }')
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert codes(answer) == ["METHOD_NOT_ALLOWED"]
    assert await admin.ask("{ projects { totalCount } }") == {"projects": {"totalCount": 0}}


async def test_other_methods_are_405(admin: Client) -> None:
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        answer = await admin.http.request(method, "/graphql", headers={"Authorization": f"Bearer {admin.token}"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_subscription_without_a_stream_is_406(admin: Client) -> None:
    answer = await post(admin, {"query": "subscription { events { cursor } }"})
    assert (answer.status_code, codes(answer)) == (406, ["NOT_ACCEPTABLE"])


async def test_a_body_over_its_limit_is_413_also_when_it_is_chunked(admin: Client) -> None:
    async def chunks() -> Any:
        for _ in range(5):
            yield b" " * 65_536

    headers = {"Authorization": f"Bearer {admin.token}", "Content-Type": JSON}
    for content in (b" " * 262_145, chunks()):
        answer = await admin.http.post("/graphql", content=content, headers=headers)
        assert answer.status_code == 413
        assert answer.json()["errors"][0]["extensions"] == {
            "code": "LIMIT_EXCEEDED",
            "limit": "bodyBytes",
            "value": 262_145 if isinstance(content, bytes) else 327_680,
            "bound": 262_144,
        }


async def test_an_answer_without_a_token_says_how_to_sign_in(admin: Client) -> None:
    answer = await admin.http.post("/graphql", json=GOOD)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="slipway"')
    assert codes(answer) == ["UNAUTHENTICATED"]


async def test_an_unforeseen_error_is_masked_with_an_id(
    admin: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the secret is xyzzy")

    monkeypatch.setattr("resolvers.loaders.RowLoaders.root", broken)
    answer = (await admin.raw("{ projects { totalCount } }")).json()
    error = answer["errors"][0]
    assert error["message"] == f"Internal error {error['extensions']['id']}"
    assert (error["path"], error["extensions"]["code"]) == (["projects"], "INTERNAL")
    assert "xyzzy" not in json.dumps(answer)
    assert error["extensions"]["id"] in capsys.readouterr().out


async def test_who_sends_no_token_is_told_so(admin: Client) -> None:
    answer = await admin.http.post("/graphql", json={"query": "{ __typename }"})
    (error,) = answer.json()["errors"]
    assert error["message"] == "there is no token: send one as 'Authorization: Bearer <token>'"
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_root_leads_to_the_explorer(admin: Client) -> None:
    answer = await admin.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/graphql")
