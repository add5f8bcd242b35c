"""The tenant's events over graphql-transport-ws, told as they arrive; the demo waits for them, it never polls."""

import asyncio
import json
from collections.abc import Callable, Collection
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

QUERY = """subscription { events(from: BEGINNING) {
    eventId eventType sequence subjectId payload occurredAt } }"""
PATIENCE = 30.0


class Feed:
    """From the tenant's first event on."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._seen: list[dict[str, Any]] = []
        self._more = asyncio.Condition()
        self._ended: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, url: str, token: str) -> None:
        """Subscribes, and reads on beside the steps."""
        address = url.replace("http", "ws", 1) + "/graphql"
        socket = await connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None, open_timeout=10)
        await _say(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
        await _say(socket, type="subscribe", id="demo", payload={"query": QUERY})
        self._task = asyncio.create_task(self._read(socket))

    async def until(self, event_type: str, subject_id: str | None = None, **payload: str) -> dict[str, Any]:
        """The event of that type (and subject) with these values in its payload, once it has arrived."""

        def wanted() -> list[dict[str, Any]]:
            return [
                event
                for event in self._seen
                if event["eventType"] == event_type
                and subject_id in {None, event["subjectId"]}
                and payload.items() <= event["payload"].items()
            ]

        await self._wait(lambda: bool(wanted()), event_type)
        return wanted()[-1]

    async def until_all(self, event_ids: Collection[str]) -> None:
        """Until these have arrived."""
        await self._wait(lambda: set(event_ids) <= {event["eventId"] for event in self._seen}, "a command's events")

    async def stop(self) -> None:
        """Ends the subscription."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _wait(self, arrived: Callable[[], bool], what: str) -> None:
        async with self._more:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._more.wait_for(lambda: arrived() or self._ended is not None)
            except TimeoutError:
                raise TimeoutError(f"{what} did not arrive within {PATIENCE:g} s") from None
        if not arrived():
            raise ConnectionError(f"the subscription ended before {what} arrived: {self._ended}")

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "ping":
                    await _say(socket, type="pong")
                elif message["type"] == "next":
                    await self._take(message["payload"]["data"]["events"])
                elif message["type"] in {"error", "complete"}:
                    break
        finally:
            async with self._more:
                self._ended = f"{socket.close_code} {socket.close_reason}"
                self._more.notify_all()
            await socket.close()

    async def _take(self, event: dict[str, Any]) -> None:
        self._tell(event)
        async with self._more:
            self._seen.append(event)
            self._more.notify_all()


async def _say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))
