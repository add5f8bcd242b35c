"""What is said over one socket of graphql-transport-ws."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Final

import orjson
from graphql import OperationType
from starlette.types import Message, Receive, Send

from resolvers.context import Context
from resolvers.feeds import Feed, Feeds
from resolvers.operations import Answer
from resolvers.refusals import Refused, over
from resolvers.requests import GraphqlRequest, request_of
from resolvers.sessions import Gone, beside
from services.actor import Actor

STALLED_SECONDS: Final = 30.0
REASON_BYTES: Final = 123


class Close(Exception):
    """The socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:REASON_BYTES].decode(errors="ignore")


class Socket:
    """Messages as JSON objects; a client that goes away is Gone."""

    def __init__(self, receive: Receive, send: Send, bound: int) -> None:
        self._receive = receive
        self._send = send
        self._bound = bound

    async def accept(self, subprotocol: str | None) -> None:
        """Ends the handshake."""
        await self._receive()
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})

    async def hear(self) -> dict[str, Any]:
        """The next message; Close when it is none of the protocol."""
        message: Message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Gone
        text = message.get("text")
        if text is None:
            raise Close(4400, "Invalid message: send text, not bytes")
        if len(text) > self._bound:
            raise Close(1009, f"the message has over {self._bound} characters")
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Close(4400, f"Invalid message: not JSON: {error}") from error
        if not isinstance(said, dict) or not isinstance(said.get("type"), str):
            raise Close(4400, "Invalid message: send an object with a type")
        if not isinstance(said.get("payload", {}), dict | None):
            raise Close(4400, "Invalid message: the payload is not an object")
        return said

    async def say(self, type_: str, payload: str | None = None, *, id: str | None = None) -> None:
        """Sends a message whose payload is JSON already; waits while the client takes nothing."""
        text = f'{{"type":"{type_}"'
        if id is not None:
            text += f',"id":{id}'
        text += "}" if payload is None else f',"payload":{payload}}}'
        await self._send({"type": "websocket.send", "text": text})

    async def close(self, close: Close) -> None:
        """A client that takes nothing is not waited for."""
        try:
            async with asyncio.timeout(1):
                await self._send({"type": "websocket.close", "code": close.code, "reason": close.reason})
        except (OSError, TimeoutError):
            return


class Conversation:
    """Its operations by id; each runs as a task and waits for the socket by itself, so that nothing is queued."""

    def __init__(self, socket: Socket, feeds: Feeds, context: Callable[[], Context]) -> None:
        self._socket = socket
        self._feeds = feeds
        self._context = context
        self._running: dict[str, asyncio.Task[None]] = {}
        self._left: set[asyncio.Task[Any]] = set()
        self._open: dict[str, Feed] = {}

    async def initialised(self, seconds: float) -> str:
        """What connection_init brings as Authorization, or nothing; Close when it does not come in time."""
        try:
            async with asyncio.timeout(seconds):
                while (said := await self._socket.hear())["type"] != "connection_init":
                    if said["type"] == "subscribe":
                        raise Close(4401, "Unauthorized: send connection_init first")
                    await self._heed(said)
        except TimeoutError as error:
            raise Close(4408, "Connection initialisation timeout") from error
        given = {name.lower(): value for name, value in (said.get("payload") or {}).items()}
        return str(given.get("authorization") or "")

    async def go_on(self, actor: Actor, heartbeat_seconds: float) -> None:
        """Heeds the client until it goes away, in the name of the actor."""
        await self._socket.say("connection_ack")
        async with self._operations(), beside(self._beat(heartbeat_seconds)):
            while True:
                said = await self._socket.hear()
                if said["type"] == "connection_init":
                    raise Close(4429, "Too many initialisation requests")
                if said["type"] == "subscribe":
                    await self._subscribe(said, actor)
                else:
                    await self._heed(said)

    async def _heed(self, said: dict[str, Any]) -> None:
        match said["type"]:
            case "ping":
                await self._socket.say("pong", orjson.dumps(said["payload"]).decode() if said.get("payload") else None)
            case "pong":
                return
            case "complete":
                self._give_up(_id(said))
            case other:
                raise Close(4400, f"Invalid message: type {other[:40]!r} is not known")

    def _give_up(self, id: str) -> None:
        """A subscription makes room at once, anything else once it is done."""
        task = self._running.pop(id, None)
        if task is None:
            return
        if id not in self._open:
            self._leave(task)
        task.cancel()

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    async def _subscribe(self, said: dict[str, Any], actor: Actor) -> None:
        id = _id(said)
        if id in self._running:
            raise Close(4409, f"Subscriber for {id} already exists")
        try:
            request = request_of(said.get("payload"))
        except Refused as refused:
            raise Close(4400, f"Invalid message: {refused}") from refused
        bound = self._feeds.operations.limits.subscriptions
        if len(self._running) + len(self._left) >= bound:
            value = bound + 1
            many = over("subscriptions", value, bound, f"a connection has at most {bound} operations at once")
            await self._socket.say("error", orjson.dumps(many.errors).decode(), id=_json(id))
            return
        self._running[id] = asyncio.create_task(self._operate(id, request, actor))

    @asynccontextmanager
    async def _operations(self) -> AsyncIterator[None]:
        """Ends what still runs when the socket does."""
        try:
            yield
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _operate(self, id: str, request: GraphqlRequest, actor: Actor) -> None:
        name = _json(id)
        refused: Refused | None = None
        try:
            await self._carry_out(id, name, request, actor)
        except Refused as error:
            refused = error
        except OSError:
            return
        self._running.pop(id, None)
        with suppress(OSError):
            if refused is None:
                await self._socket.say("complete", id=name)
            else:
                await self._socket.say("error", orjson.dumps(refused.errors).decode(), id=name)

    async def _carry_out(self, id: str, name: str, request: GraphqlRequest, actor: Actor) -> None:
        context = self._context()
        context.sign_in(actor)
        operations = self._feeds.operations
        document = operations.document(request)
        if document.kind is not OperationType.SUBSCRIPTION:
            answer = await self._finished(operations.execute(document, request, context))
            await self._socket.say("next", answer.encode().decode(), id=name)
            return
        feed = self._open[id] = await self._feeds.open(document, request, context)
        try:
            await self._tell_cursors({id: feed})
            async with aclosing(feed.results()) as results:
                async for _, result in results:
                    await self._socket.say("next", result, id=name)
        finally:
            if self._open.get(id) is feed:
                del self._open[id]

    async def _finished(self, execution: Coroutine[Any, Any, Answer]) -> Answer:
        """What a client does not wait for is not cut off in its midst, and keeps its place under the limit."""
        task = asyncio.create_task(execution)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._leave(task)
            raise

    async def _beat(self, seconds: float) -> None:
        """Pings with the cursors of what runs; a client that takes none of it for long is let go."""
        while True:
            await asyncio.sleep(seconds)
            try:
                async with asyncio.timeout(STALLED_SECONDS):
                    await self._tell_cursors(self._open)
            except TimeoutError as error:
                raise Gone from error

    async def _tell_cursors(self, feeds: Mapping[str, Feed]) -> None:
        cursors = {id: feed.cursor for id, feed in feeds.items()}
        await self._socket.say("ping", orjson.dumps({"cursors": cursors}).decode())


def _id(said: dict[str, Any]) -> str:
    if not isinstance(said.get("id"), str) or not said["id"]:
        raise Close(4400, "Invalid message: the id is not a string")
    return str(said["id"])


def _json(id: str) -> str:
    return orjson.dumps(id).decode()
