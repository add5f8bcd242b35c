"""A light HTTP client for loads: one kept connection, parsed by httptools, one request at a time."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httptools
import orjson

PATIENCE = 60.0


class Refused(Exception):
    """An answer with errors where the measure expects none."""


class _Answer(asyncio.Protocol):
    """Collects one response at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.waiting: asyncio.Future[bytes] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        body, self._body = b"".join(self._body), []
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(body)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(ConnectionError(f"the server closed the connection: {exc}"))


class Client:
    """Asks with one token over one connection."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host, self.port = str(parts.hostname), int(parts.port or 80)
        self._head = (
            f"POST /graphql HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._protocol: _Answer | None = None

    async def post(self, body: bytes) -> bytes:
        """The answer's body, whatever its status."""
        if self._protocol is None or self._protocol.transport.is_closing():
            loop = asyncio.get_running_loop()
            _, self._protocol = await loop.create_connection(_Answer, self.host, self.port)
        waiting = self._protocol.waiting = asyncio.get_running_loop().create_future()
        self._protocol.transport.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
        return await asyncio.wait_for(waiting, PATIENCE)

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data; Refused when there are errors."""
        answer = orjson.loads(await self.post(orjson.dumps({"query": query, "variables": variables})))
        if answer.get("errors"):
            raise Refused(str(answer["errors"])[:500])
        data: dict[str, Any] = answer["data"]
        return data

    async def do(self, mutation: str, selection: str, **fields: Any) -> dict[str, Any]:
        """The payload of a mutation; Refused when it has errors."""
        kind = mutation[0].upper() + mutation[1:]
        answer = f"{selection} errors {{ code message }}"
        query = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {answer} }} }}"
        payload: dict[str, Any] = (await self.ask(query, input=fields))[mutation]
        if payload["errors"]:
            raise Refused(f"{mutation}: {payload['errors']}")
        return payload

    def close(self) -> None:
        """Ends the connection."""
        if self._protocol is not None:
            self._protocol.transport.close()
