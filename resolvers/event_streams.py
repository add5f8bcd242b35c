"""GraphQL over server-sent events, a connection for each operation; an ``id:`` line is a cursor."""

import asyncio
from contextlib import aclosing
from typing import Final

import orjson
from graphql import OperationType
from starlette.types import Receive, Send

from resolvers.context import Context
from resolvers.documents import Document
from resolvers.feeds import Feed, Feeds
from resolvers.refusals import Code, Refused
from resolvers.requests import GraphqlRequest
from resolvers.sessions import Gone, Sessions, beside
from services.platform.issuer import InvalidToken

STALLED_SECONDS: Final = 30.0
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class _Closed(Exception):
    """The process is going."""


class EventStreams:
    """Answers any operation as events; Last-Event-ID resumes a subscription in place of its ``after``."""

    def __init__(self, feeds: Feeds, sessions: Sessions, *, heartbeat_seconds: float) -> None:
        self._feeds = feeds
        self._sessions = sessions
        self._heartbeat_seconds = heartbeat_seconds
        self._closed = asyncio.Event()

    async def __call__(
        self,
        document: Document,
        request: GraphqlRequest,
        context: Context,
        token: str,
        receive: Receive,
        send: Send,
    ) -> None:
        """Sends the whole response."""
        stream = EventStream(send)
        try:
            async with beside(_until_gone(receive), self._until_closed()):
                await stream.start()
                await stream.end(await self._ended(stream, token, document, request, context))
        except _Closed:
            await stream.cut()
        except (Gone, OSError):
            return

    def close(self) -> None:
        """Ends every stream without completing it, so that its client connects again."""
        self._closed.set()

    async def _until_closed(self) -> None:
        await self._closed.wait()
        raise _Closed

    async def refuse(self, refused: Refused, send: Send) -> None:
        """A refused operation, told as its only result."""
        stream = EventStream(send)
        await stream.start()
        await stream.end(refused)

    async def _ended(
        self, stream: "EventStream", token: str, document: Document, request: GraphqlRequest, context: Context
    ) -> Refused | None:
        try:
            async with self._sessions.of(token) as actor:
                context.sign_in(actor)
                await self._carry_out(stream, document, request, context)
        except Refused as refused:
            return refused
        except InvalidToken as error:
            return Refused(Code.UNAUTHENTICATED, str(error))
        return None

    async def _carry_out(
        self, stream: "EventStream", document: Document, request: GraphqlRequest, context: Context
    ) -> None:
        if document.kind is not OperationType.SUBSCRIPTION:
            answer = await self._feeds.operations.execute(document, request, context)
            await stream.result(answer.encode().decode())
            return
        feed = await self._feeds.open(document, request, context)
        async with beside(stream.beat(feed, self._heartbeat_seconds)), aclosing(feed.results()) as results:
            async for cursor, result in results:
                await stream.result(result, cursor)


class EventStream:
    """The response of one operation."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def start(self) -> None:
        """200; what is wrong with the operation is told as a result."""
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})

    async def result(self, result: str, cursor: str | None = None) -> None:
        """One result, JSON already, with the cursor behind it."""
        place = "" if cursor is None else f"id: {cursor}\n"
        await self._write(f"{place}event: next\ndata: {result}\n\n")

    async def end(self, refused: Refused | None) -> None:
        """The errors that ended it, and that it is complete."""
        if refused is not None:
            await self.result(orjson.dumps({"errors": refused.errors}).decode())
        await self._write("event: complete\ndata:\n\n", more=False)

    async def cut(self) -> None:
        """The end of the response alone."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def beat(self, feed: Feed, seconds: float) -> None:
        """A comment with the cursor, at once and then again; a client that takes none of it for long is let go."""
        while True:
            try:
                async with asyncio.timeout(STALLED_SECONDS):
                    await self._write(f":\nid: {feed.cursor}\n\n")
            except TimeoutError as error:
                raise Gone from error
            await asyncio.sleep(seconds)

    async def _write(self, text: str, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": more})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    raise Gone
