"""A light graphql-transport-ws subscriber: reads the frames itself, so that a hundred of them cost little."""

import asyncio
import base64
import secrets
import time
from datetime import datetime
from typing import Any

import orjson

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class Subscriber(asyncio.Protocol):
    """One socket with one subscription to ``events``; ``delays`` are milliseconds from occurredAt to arrival."""

    def __init__(self, host: str, token: str, query: str) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.delays: list[float] = []
        self.last = 0.0
        self._head = (
            f"GET /graphql HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        self._token, self._query = token, query
        self._left = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._head.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """``ready`` fails when it was not reached."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"the socket closed before it was ready: {self._left[:200]!r}"))

    def data_received(self, data: bytes) -> None:
        """The answer to the upgrade, then frames."""
        self._left += data
        if not self._upgraded:
            head, end, rest = self._left.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.transport.close()
                return
            self._upgraded, self._left = True, rest
            self._say({"type": "connection_init", "payload": {"Authorization": f"Bearer {self._token}"}})
        while (frame := self._frame()) is not None:
            self._read(*frame)

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame; a server's are not masked."""
        left = self._left
        if len(left) < 2:
            return None
        size, start = left[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(left[2:start])
        if len(left) < start + size:
            return None
        self._left = left[start + size :]
        return left[0] & 0x0F, left[start : start + size]

    def _read(self, kind: int, body: bytes) -> None:
        if kind == PING:
            self._send(PONG, body)
        if kind != TEXT:
            return
        message: dict[str, Any] = orjson.loads(body)
        match message["type"]:
            case "connection_ack":
                self._say({"type": "subscribe", "id": "1", "payload": {"query": self._query}})
                # a ping after it is answered once the subscribe was read
                self._say({"type": "ping"})
            case "pong":
                if not self.ready.done():
                    self.ready.set_result(None)
            case "ping":
                self._say({"type": "pong"})
            case "next":
                now = self.last = time.time()
                at = message["payload"]["data"]["events"]["occurredAt"]
                self.delays.append((now - datetime.fromisoformat(at).timestamp()) * 1_000)
            case "error" | "complete":
                raise ConnectionError(f"the subscription ended: {body[:300]!r}")

    def _say(self, message: dict[str, Any]) -> None:
        self._send(TEXT, orjson.dumps(message))

    def _send(self, kind: int, body: bytes) -> None:
        """A client's frames are masked; the mask of zeros leaves the bytes as they are."""
        size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2)
        self.transport.write(bytes([0x80 | kind]) + size + bytes(4) + body)
