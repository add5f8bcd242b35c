"""GraphQL over server-sent events, a connection for each operation, against a real server."""

import asyncio
from typing import Any

import httpx
import pytest

from resolvers.event_streams import EventStreams
from tests.api.conftest import Client, serving
from tests.api.live import EVENTS, Events, streamed

NOW = "subscription { events { cursor } }"
VIEWER = "{ viewer { tenant { name } } }"


def sequences(results: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """The id line and the sequence of each."""
    return [(result["id"], result["data"]["events"]["sequence"]) for result in results]


async def test_a_stream_replays_goes_live_and_names_the_cursor_of_each_event(admin: Client) -> None:
    async with serving(admin.slipway) as url, streamed(url, admin.token) as events:
        assert events.response.status_code == 200
        assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert sequences(await events.next(3)) == [("e1", 1), ("e2", 2), ("e3", 3)]
        await admin.done("createProject", "project { id }", name="booking")
        assert sequences(await events.next(1)) == [("e4", 4)]


async def test_last_event_id_resumes_in_place_of_the_arguments(admin: Client) -> None:
    headers = {"Last-Event-ID": "e2"}
    async with serving(admin.slipway) as url, streamed(url, admin.token, headers=headers, after="e0") as events:
        assert sequences(await events.next(1)) == [("e3", 3)]


async def test_a_stream_without_a_cursor_names_its_place_before_anything_happens(admin: Client) -> None:
    async with serving(admin.slipway) as url, streamed(url, admin.token, NOW) as events:
        assert await events.block() == {"": "", "id": "e3"}


async def test_a_heartbeat_moves_the_id_past_what_the_filter_holds_back(admin: Client) -> None:
    admin.slipway.streams = EventStreams(admin.slipway.feeds, admin.slipway.sessions, heartbeat_seconds=0.2)
    nothing = {"types": ["NothingOfTheKind"]}
    async with serving(admin.slipway) as url, streamed(url, admin.token, filter=nothing) as events:
        await events.block()
        assert await events.block() == {"": "", "id": "e3"}
        await admin.done("createProject", "project { id }", name="booking")
        assert [await events.block() for _ in range(3)][-1] == {"": "", "id": "e4"}


async def test_a_get_opens_a_stream_too(admin: Client) -> None:
    headers = {"Authorization": f"Bearer {admin.token}", "Accept": "text/event-stream"}
    query = {"query": "subscription { events(from: BEGINNING) { sequence } }"}
    async with (
        serving(admin.slipway) as url,
        httpx.AsyncClient() as http,
        http.stream("GET", url + "/graphql", params=query, headers=headers) as response,
    ):
        assert sequences(await Events(response).next(1)) == [("e1", 1)]


async def test_a_query_is_one_event_and_complete(admin: Client) -> None:
    async with serving(admin.slipway) as url, streamed(url, admin.token, VIEWER) as events:
        assert await events.next(1) == [{"data": {"viewer": {"tenant": {"name": "acme"}}}}]
        assert await events.block() == {"event": "complete", "data": ""}
        assert await events.block() == {}


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        (EVENTS, {"after": "e9"}, "INVALID_CURSOR"),
        ("subscription { events { nothing } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", {}, "GRAPHQL_PARSE_FAILED"),
        (EVENTS, {"from": "LATER"}, "INVALID_VARIABLES"),
    ],
)
async def test_an_operation_that_is_refused_is_an_event_with_its_errors(
    admin: Client, query: str, variables: dict[str, Any], code: str
) -> None:
    async with serving(admin.slipway) as url, streamed(url, admin.token, query, **variables) as events:
        (result,) = await events.next(1)
        assert [error["extensions"]["code"] for error in result["errors"]] == [code]
        assert "data" not in result
        assert await events.block() == {"event": "complete", "data": ""}


async def test_a_stream_without_a_live_token_is_401(admin: Client) -> None:
    async with serving(admin.slipway) as url, streamed(url, "no") as events:
        assert events.response.status_code == 401
        assert events.response.headers["www-authenticate"] == 'Bearer realm="slipway"'


async def test_a_subscription_is_not_answered_as_json(admin: Client) -> None:
    answer = await admin.raw("subscription { events { cursor } }")
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"


async def test_a_revoked_token_ends_its_streams(admin: Client) -> None:
    who = await admin.done("createIdentity", "identity { id }", name="w", kind="HUMAN", email="w@example.test")
    fields = {"identityId": who["identity"]["id"], "name": "w", "scopes": ["READ"]}
    issued = await admin.done("issueToken", "secret token { id }", **fields)
    async with serving(admin.slipway) as url, streamed(url, issued["secret"], NOW) as events:
        await events.block()
        await admin.done("revokeToken", "token { id }", tokenId=issued["token"]["id"])
        results = await events.next(1)
        while "errors" not in results[-1]:
            results += await events.next(1)
        assert results[-1]["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
        assert await events.block() == {"event": "complete", "data": ""}


async def test_a_stream_that_its_client_leaves_leaves_nothing_behind(admin: Client) -> None:
    async with serving(admin.slipway) as url:
        tasks = asyncio.all_tasks()
        async with streamed(url, admin.token) as events:
            await events.next(3)
        async with asyncio.timeout(10):
            while asyncio.all_tasks() != tasks:  # noqa: ASYNC110 - nothing tells when the server has noticed
                await asyncio.sleep(0.01)
        assert admin.slipway.hub._tail is None
