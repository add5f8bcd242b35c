"""Live events over graphql-transport-ws from a real server, without a gap."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.api.conftest import Client

pytestmark = pytest.mark.both_databases

EVENTS = """subscription($after: String, $filter: EventFilterInput) {
    events(after: $after, from: BEGINNING, filter: $filter) { cursor sequence eventType } }"""


@asynccontextmanager
async def served(client: Client) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(
        uvicorn.Config(client.slipway.app(), log_config=None, lifespan="off", ws="websockets-sansio")
    )
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/graphql"
    finally:
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def initialised(url: str, token: str) -> AsyncIterator[ClientConnection]:
    async with connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        yield socket


async def take(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    taken: list[dict[str, Any]] = []
    while len(taken) < count:
        message = json.loads(await asyncio.wait_for(socket.recv(), 10))
        assert message["type"] == "next", message
        taken.append(message["payload"]["data"]["events"])
    return taken


async def subscribe(socket: ClientConnection, **variables: Any) -> None:
    message = {"id": "1", "type": "subscribe", "payload": {"query": EVENTS, "variables": variables}}
    await socket.send(json.dumps(message))


async def test_a_subscription_replays_and_goes_live_without_a_gap(admin: Client) -> None:
    async with served(admin) as url, initialised(url, admin.token) as socket:
        await subscribe(socket)
        made = [asyncio.create_task(admin.done("createProject", "project { id }", name=f"p{n}")) for n in range(8)]
        seen = await take(socket, 11)
        await asyncio.gather(*made)
    assert [event["sequence"] for event in seen] == list(range(1, 12))


async def test_a_subscription_resumes_after_its_cursor(admin: Client) -> None:
    async with served(admin) as url:
        async with initialised(url, admin.token) as socket:
            await subscribe(socket)
            cursor = (await take(socket, 2))[-1]["cursor"]
        async with initialised(url, admin.token) as socket:
            await subscribe(socket, after=cursor)
            assert [event["sequence"] for event in await take(socket, 1)] == [3]


async def test_a_filter_passes_only_its_types(admin: Client) -> None:
    await admin.done("createProject", "project { id }", name="booking")
    async with served(admin) as url, initialised(url, admin.token) as socket:
        await subscribe(socket, filter={"types": ["ProjectCreated"]})
        assert [event["eventType"] for event in await take(socket, 1)] == ["ProjectCreated"]


async def test_another_tenant_hears_nothing_of_it(operator: Client, admin: Client) -> None:
    other = await operator.tenant("other")
    async with served(admin) as url, initialised(url, other.token) as socket:
        await subscribe(socket, filter={"types": ["ProjectCreated"]})
        await admin.done("createProject", "project { id }", name="secret")
        await other.done("createProject", "project { id }", name="own")
        assert [event["sequence"] for event in await take(socket, 1)] == [4]


async def test_a_socket_without_a_live_token_is_closed(admin: Client) -> None:
    async with served(admin) as url, connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": "Bearer no"}}))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


async def refused(url: str, token: str, **variables: Any) -> dict[str, Any]:
    async with initialised(url, token) as socket:
        await subscribe(socket, **variables)
        message = json.loads(await asyncio.wait_for(socket.recv(), 10))
    assert message["type"] == "error", message
    error: dict[str, Any] = message["payload"][0]
    return error


@pytest.mark.parametrize(
    "cursor", ["", "e", "3", "e-1", "e0x1", "e1_0", "e 1", "e01", "E1", "effffffffffffffffff", "e4"]
)
async def test_a_cursor_that_is_not_of_this_stream_is_refused(admin: Client, cursor: str) -> None:
    async with served(admin) as url:
        assert (await refused(url, admin.token, after=cursor))["extensions"] == {"code": "INVALID_CURSOR"}
