"""What live tests ask with: a client of graphql-transport-ws and one of server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

EVENTS = """subscription($after: String, $from: From! = BEGINNING, $filter: EventFilterInput) {
    events(after: $after, from: $from, filter: $filter) { cursor sequence eventType } }"""
PROTOCOL: Any = ["graphql-transport-ws"]


class Socket:
    """One socket; what it hears comes within ten seconds."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def init(self, token: str) -> None:
        await self.say(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert await self.hear() == {"type": "connection_ack"}

    async def hear(self) -> dict[str, Any]:
        """The next message that is no ping."""
        while (heard := await self._any())["type"] == "ping":
            continue
        return heard

    async def ping(self) -> dict[str, str]:
        """The cursors of the next heartbeat; nothing else comes before it."""
        heard = await self._any()
        assert heard["type"] == "ping", heard
        return dict(heard["payload"]["cursors"])

    async def _any(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            heard: dict[str, Any] = json.loads(await self.connection.recv())
        return heard

    async def subscribe(self, query: str = EVENTS, id: str = "1", **variables: Any) -> None:
        await self.say(id=id, type="subscribe", payload={"query": query, "variables": variables})

    async def next(self, count: int, id: str = "1") -> list[dict[str, Any]]:
        """The root field of each of so many results."""
        taken: list[dict[str, Any]] = []
        while len(taken) < count:
            heard = await self.hear()
            assert (heard["type"], heard["id"]) == ("next", id), heard
            (value,) = heard["payload"]["data"].values()
            taken.append(value)
        return taken

    async def error(self, id: str = "1") -> dict[str, Any]:
        heard = await self.hear()
        assert (heard["type"], heard["id"]) == ("error", id), heard
        (error,) = heard["payload"]
        return dict(error)

    async def closed(self) -> tuple[int, str]:
        """The code and reason it is closed with."""
        with suppress(ConnectionClosed):
            while True:
                await self.hear()
        return self.connection.close_code or 0, self.connection.close_reason or ""


@asynccontextmanager
async def connected(url: str, protocol: Any = PROTOCOL, **options: Any) -> AsyncIterator[Socket]:
    address = url.replace("http://", "ws://") + "/graphql"
    async with connect(address, subprotocols=protocol, **options) as connection:
        yield Socket(connection)


@asynccontextmanager
async def initialised(url: str, token: str) -> AsyncIterator[Socket]:
    async with connected(url) as socket:
        await socket.init(token)
        yield socket


class Events:
    """The blocks of an event stream as dictionaries; comments are under the empty name."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        found: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                if not line:
                    return found
                name, _, value = line.partition(":")
                found[name] = value.strip()
        return found

    async def next(self, count: int) -> list[dict[str, Any]]:
        """So many results with their cursor under ``id``; heartbeats are passed over."""
        taken: list[dict[str, Any]] = []
        while len(taken) < count:
            block = await self.block()
            if "" in block:
                continue
            assert block["event"] == "next", block
            taken.append(json.loads(block["data"]) | ({"id": block["id"]} if "id" in block else {}))
        return taken


@asynccontextmanager
async def streamed(
    url: str, token: str, query: str = EVENTS, *, headers: dict[str, str] | None = None, **variables: Any
) -> AsyncIterator[Events]:
    told = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", **(headers or {})}
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(timeout=10) as http,
        http.stream("POST", url + "/graphql", json=body, headers=told) as response,
    ):
        yield Events(response)
