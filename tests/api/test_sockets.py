"""graphql-transport-ws by the rules of its protocol, against a real server."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import connect

from resolvers.sessions import Sessions
from resolvers.sockets import SocketServer
from services.actor import Actor
from services.platform.issuer import InvalidToken
from tests.api.conftest import Client, serving
from tests.api.live import EVENTS, PROTOCOL, connected, initialised

VIEWER = "{ viewer { tenant { name } } }"
SUBSCRIBE = {"id": "1", "type": "subscribe", "payload": {"query": EVENTS}}

RULES: list[tuple[str, list[Any], int, str]] = [
    ("a subscription before the init", [SUBSCRIBE], 4401, "Unauthorized: send connection_init first"),
    ("a second init", ["init", {"type": "connection_init"}], 4429, "Too many initialisation requests"),
    ("an id that is taken", ["init", SUBSCRIBE, SUBSCRIBE], 4409, "Subscriber for 1 already exists"),
    ("no JSON", ["no"], 4400, "Invalid message: not JSON"),
    ("no object", [[1]], 4400, "Invalid message: send an object with a type"),
    ("no type", [{"id": "1"}], 4400, "Invalid message: send an object with a type"),
    ("an unknown type", ["init", {"type": "start"}], 4400, "Invalid message: type 'start' is not known"),
    ("a payload that is a list", [{"type": "ping", "payload": []}], 4400, "Invalid message: the payload is not an"),
    ("a subscription without an id", ["init", {**SUBSCRIBE, "id": None}], 4400, "Invalid message: the id is not"),
    ("a completion without an id", ["init", {"type": "complete"}], 4400, "Invalid message: the id is not a string"),
    ("no query", ["init", {**SUBSCRIBE, "payload": {}}], 4400, "Invalid message: "),
    ("a query that is no string", ["init", {**SUBSCRIBE, "payload": {"query": 1}}], 4400, "Invalid message: "),
    ("bytes", ["init", b"{}"], 4400, "Invalid message: send text, not bytes"),
    ("a message over the limit", ["init", {"type": "ping", "payload": {"x": "x" * 262_144}}], 1009, "the message has"),
    ("a token that is none", [{"type": "connection_init", "payload": {"Authorization": "Bearer no"}}], 4403, "Forbid"),
    ("no token", [{"type": "connection_init"}], 4403, "Forbidden: "),
]


@pytest.mark.parametrize(("said", "code", "reason"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
async def test_a_breach_of_the_protocol_closes_the_socket(
    admin: Client, said: list[Any], code: int, reason: str
) -> None:
    async with serving(admin.slipway) as url, connected(url) as socket:
        for message in said:
            if message == "init":
                await socket.init(admin.token)
            else:
                await socket.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))
        told = await socket.closed()
    assert (told[0], told[1][: len(reason)]) == (code, reason)


async def test_another_subprotocol_is_not_spoken(admin: Client) -> None:
    async with serving(admin.slipway) as url, connected(url, protocol=["graphql-ws"]) as socket:
        assert (await socket.closed())[0] == 4406


async def test_an_init_that_does_not_come_closes_the_socket(admin: Client) -> None:
    slipway = admin.slipway
    server = SocketServer(slipway.feeds, slipway.sessions, slipway.context, heartbeat_seconds=60, init_seconds=0.05)
    messages: list[Any] = [{"type": "websocket.connect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await server({"type": "websocket", "subprotocols": PROTOCOL, "headers": []}, receive, send)
    assert sent == [
        {"type": "websocket.accept", "subprotocol": PROTOCOL[0]},
        {"type": "websocket.close", "code": 4408, "reason": "Connection initialisation timeout"},
    ]


async def test_a_ping_is_answered_with_its_payload_before_and_after_the_init(admin: Client) -> None:
    async with serving(admin.slipway) as url, connected(url) as socket:
        await socket.say(type="ping")
        assert await socket.hear() == {"type": "pong"}
        await socket.init(admin.token)
        await socket.say(type="ping", payload={"at": 1})
        await socket.say(type="pong")
        assert await socket.hear() == {"type": "pong", "payload": {"at": 1}}


async def test_the_token_may_come_in_the_header(admin: Client) -> None:
    headers = {"Authorization": f"Bearer {admin.token}"}
    async with serving(admin.slipway) as url, connected(url, additional_headers=headers) as socket:
        await socket.say(type="connection_init")
        assert await socket.hear() == {"type": "connection_ack"}


async def test_messages_are_compressed_for_a_client_that_can(admin: Client) -> None:
    async with serving(admin.slipway) as url:
        address = url.replace("http", "ws") + "/graphql"
        async with connect(address, subprotocols=PROTOCOL) as connection:
            assert connection.response is not None
            assert "permessage-deflate" in connection.response.headers["Sec-WebSocket-Extensions"]
        async with connect(address, subprotocols=PROTOCOL, compression=None) as connection:
            assert connection.response is not None
            assert "Sec-WebSocket-Extensions" not in connection.response.headers


async def test_queries_and_mutations_are_answered_once_and_completed(admin: Client) -> None:
    mutation = 'mutation { createProject(input: {name: "booking"}) { project { name } errors { code } } }'
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        for query, answer in (
            (VIEWER, {"viewer": {"tenant": {"name": "acme"}}}),
            (mutation, {"createProject": {"project": {"name": "booking"}, "errors": []}}),
        ):
            await socket.subscribe(query)
            assert await socket.hear() == {"type": "next", "id": "1", "payload": {"data": answer}}
            assert await socket.hear() == {"type": "complete", "id": "1"}


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        (EVENTS, {"from": "LATER"}, "INVALID_VARIABLES"),
        ("subscription { events(filter: {projectId: \"x\"}) { cursor } }", {}, "INVALID_INPUT"),
    ],
)  # fmt: skip
async def test_an_operation_that_cannot_start_is_an_error_and_its_id_is_free_again(
    admin: Client, query: str, variables: dict[str, Any], code: str
) -> None:
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe(query, **variables)
        assert (await socket.error())["extensions"]["code"] == code
        await socket.subscribe(VIEWER)
        await socket.next(1)


async def test_a_completed_subscription_is_silent_and_its_id_is_free_again(admin: Client) -> None:
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe()
        await socket.next(3)
        await socket.say(id="1", type="complete")
        await socket.say(id="never", type="complete")
        await admin.done("createProject", "project { id }", name="booking")
        await socket.subscribe(VIEWER)
        assert await socket.next(1) == [{"tenant": {"name": "acme"}}]


async def test_one_operation_more_than_the_limit_is_refused_and_the_others_go_on(admin: Client) -> None:
    admin.slipway.feeds.operations.limits.subscriptions = 2
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        for id in ("1", "2", "3"):
            await socket.subscribe("subscription { events { sequence } }", id=id)
        extensions = (await socket.error("3"))["extensions"]
        assert extensions == {"code": "LIMIT_EXCEEDED", "limit": "subscriptions", "value": 3, "bound": 2}
        await socket.say(id="1", type="complete")
        await admin.done("createProject", "project { id }", name="booking")
        assert await socket.next(1, id="2") == [{"sequence": 4}]


async def test_a_mutation_that_its_client_gave_up_keeps_its_place_until_it_is_done(admin: Client) -> None:
    admin.slipway.feeds.operations.limits.subscriptions = 1
    mutation = 'mutation { createProject(input: {name: "booking"}) { project { name } } }'
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        async with admin.slipway.database.writing(None):
            await socket.subscribe(mutation)
            await socket.say(type="ping")
            assert await socket.hear() == {"type": "pong"}
            await socket.say(id="1", type="complete")
            await socket.subscribe(VIEWER, id="2")
            assert (await socket.error("2"))["extensions"]["limit"] == "subscriptions"
        created = {"project": None}
        while created == {"project": None}:
            await asyncio.sleep(0.01)
            created = await admin.ask('{ project(name: "booking") { name } }')
        assert created == {"project": {"name": "booking"}}
        heard: dict[str, Any] = {"type": "error"}
        while heard["type"] == "error":
            await socket.subscribe(VIEWER, id="3")
            heard = await socket.hear()
        assert heard["payload"] == {"data": {"viewer": {"tenant": {"name": "acme"}}}}


async def test_a_heartbeat_carries_the_cursor_of_each_subscription(admin: Client) -> None:
    admin.slipway.settings = replace(admin.slipway.settings, heartbeat_seconds=0.2)
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe(filter={"types": ["NothingOfTheKind"]})
        assert await socket.ping() == {"1": "e0"}
        assert await socket.ping() == {"1": "e3"}
        await admin.done("createProject", "project { id }", name="booking")
        assert [await socket.ping() for _ in range(3)][-1] == {"1": "e4"}


async def test_a_subscription_that_starts_now_names_its_place_before_anything_happens(admin: Client) -> None:
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe(**{"from": "NOW"})
        assert await socket.ping() == {"1": "e3"}


async def test_a_revoked_token_ends_its_sockets_within_a_second(admin: Client) -> None:
    who = await admin.done("createIdentity", "identity { id }", name="w", kind="HUMAN", email="w@example.test")
    fields = {"identityId": who["identity"]["id"], "name": "w", "scopes": ["READ"]}
    issued = await admin.done("issueToken", "secret token { id }", **fields)
    async with (
        serving(admin.slipway) as url,
        initialised(url, issued["secret"]) as socket,
        initialised(url, admin.token) as other,
    ):
        await socket.subscribe("subscription { events { sequence } }")
        await admin.done("revokeToken", "token { id }", tokenId=issued["token"]["id"])
        began = time.monotonic()
        assert (await socket.closed())[0] == 4403
        assert time.monotonic() - began < 1
        await other.subscribe(VIEWER)
        await other.next(1)


async def test_a_session_ends_when_its_token_expires(admin: Client) -> None:
    async def authenticate(token: str) -> Actor:
        return replace(await admin.slipway.authenticate(token), expires_at=time.time() + 0.2)

    sessions = Sessions(admin.slipway.hub, authenticate)
    with pytest.raises(InvalidToken, match="revoked or has expired"):
        async with sessions.of(admin.token):
            await asyncio.sleep(10)


async def test_a_token_that_was_revoked_while_it_was_read_opens_nothing(admin: Client) -> None:
    async def authenticate(token: str) -> Actor:
        actor = await admin.slipway.authenticate(token)
        token_id = f"tok-{actor.token_id.hex}"
        async with admin.slipway.hub.listening() as tail:
            heard = tail.wake_of(actor.tenant_id)
            await admin.done("revokeToken", "token { id }", tokenId=token_id)
            await asyncio.wait_for(heard.wait(), 10)
        return actor

    sessions = Sessions(admin.slipway.hub, authenticate)
    with pytest.raises(InvalidToken, match="revoked"):
        async with sessions.of(admin.token):
            pytest.fail("the session was opened")


async def test_a_socket_that_closes_leaves_nothing_behind(admin: Client) -> None:
    async with serving(admin.slipway) as url:
        tasks = asyncio.all_tasks()
        async with initialised(url, admin.token) as socket:
            await socket.subscribe()
            await socket.next(3)
        async with asyncio.timeout(10):
            while asyncio.all_tasks() != tasks:  # noqa: ASYNC110 - nothing tells when the server has noticed
                await asyncio.sleep(0.01)
        assert admin.slipway.hub._tail is None


async def test_a_mutation_is_carried_out_although_its_client_leaves(admin: Client) -> None:
    mutation = 'mutation { createProject(input: {name: "booking"}) { project { name } } }'
    database = admin.slipway.database
    async with serving(admin.slipway) as url:
        tasks = asyncio.all_tasks()
        async with database.writing(None):
            async with initialised(url, admin.token) as socket:
                await socket.subscribe(mutation)
                await socket.say(type="ping")
                assert await socket.hear() == {"type": "pong"}
            await asyncio.sleep(0.2)
        async with asyncio.timeout(10):
            while asyncio.all_tasks() != tasks:  # noqa: ASYNC110 - nothing tells when the server has noticed
                await asyncio.sleep(0.01)
    assert await admin.ask('{ project(name: "booking") { name } }') == {"project": {"name": "booking"}}
