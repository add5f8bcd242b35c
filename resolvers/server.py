"""GraphQL over HTTP at ``/graphql``, behind bearer tokens; sockets and event streams are handed on."""

from collections.abc import Callable
from typing import Final

import orjson
from graphql import OperationType
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from resolvers.callers import Callers, Headers
from resolvers.context import Context
from resolvers.documents import Document
from resolvers.event_streams import EventStreams
from resolvers.media import JSON, Accepted, accepted, is_json
from resolvers.operations import Operations
from resolvers.refusals import Code, Refused
from resolvers.requests import GraphqlRequest, body_of, json_of, request_of, request_of_url
from storage.ids import public_id

_METHODS: Final = "GET, POST"


class GraphqlServer:
    """The ASGI view; whatever is refused is told as GraphQL errors in the media type that the client takes."""

    def __init__(
        self,
        operations: Operations,
        callers: Callers,
        context: Callable[[HTTPConnection], Context],
        *,
        sockets: ASGIApp,
        streams: EventStreams,
        page: ASGIApp | None = None,
    ) -> None:
        self._operations = operations
        self._callers = callers
        self._context = context
        self._sockets = sockets
        self._streams = streams
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one socket."""
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        wants = accepted(headers.get(b"accept", b"").decode("latin-1"))
        if wants.html and scope["method"] == "GET" and self._page is not None:
            await self._page(scope, receive, send)
            return
        try:
            await self._serve(scope, headers, wants, receive, send)
        except Refused as refused:
            tell(scope, errorCodes=[refused.code])
            await _refuse(send, refused, wants.answer or JSON)

    async def _serve(self, scope: Scope, headers: Headers, wants: Accepted, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "POST"):
            raise Refused(Code.METHOD_NOT_ALLOWED, f"{scope['method']} is not taken: send GET or POST")
        token = self._callers.token(scope, headers)
        actor = await self._callers.actor(token)
        identity = public_id("Identity", actor.identity_id)
        tell(scope, tenantId=public_id("Tenant", actor.tenant_id), identity=identity)
        if wants.answer is None and not wants.stream:
            raise Refused(
                Code.NOT_ACCEPTABLE,
                "the Accept header takes neither application/graphql-response+json nor application/json",
            )
        request = await self._request(scope, headers, receive)
        context = self._context(HTTPConnection(scope))
        context.sign_in(actor)
        try:
            document = self._operations.document(request)
        except Refused as refused:
            if wants.answer is not None:
                raise
            await self._streams.refuse(refused, send)
            return
        if wants.stream and (wants.answer is None or _is_subscription(document)):
            tell(scope, operationName=document.name)
            context.resume_after = headers.get(b"last-event-id", b"").decode("latin-1") or None
            await self._streams(document, request, context, token, receive, send)
            return
        if _is_subscription(document):
            raise Refused(
                Code.NOT_ACCEPTABLE, "a subscription is answered as text/event-stream or over graphql-transport-ws"
            )
        answer = await self._operations.execute(document, request, context)
        codes = [error["extensions"]["code"] for error in answer.errors]
        tell(scope, operationName=document.name, traceId=context.trace_id, errorCodes=codes)
        await respond(send, 200, answer.encode(), wants.answer or JSON)

    async def _request(self, scope: Scope, headers: Headers, receive: Receive) -> GraphqlRequest:
        if scope["method"] == "GET":
            return request_of_url(scope["query_string"])
        if not is_json(headers.get(b"content-type", b"").decode("latin-1")):
            raise Refused(
                Code.UNSUPPORTED_MEDIA_TYPE, "the body is not application/json in UTF-8: say so in Content-Type"
            )
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "a body with a Content-Encoding is not taken: send it as it is")
        length = headers.get(b"content-length", b"").decode("latin-1")
        return request_of(json_of(await body_of(receive, length, self._operations.limits.body_bytes)))


def tell(scope: Scope, **fields: object) -> None:
    """Adds to the request's line in the log, when there is one."""
    told = scope.get("state", {}).get("told")
    if told is not None:
        told.update(fields)


def _is_subscription(document: Document) -> bool:
    return document.kind is OperationType.SUBSCRIPTION


async def _refuse(send: Send, refused: Refused, media: str) -> None:
    headers: list[tuple[bytes, bytes]] = []
    if refused.code is Code.UNAUTHENTICATED:
        headers.append((b"www-authenticate", b'Bearer realm="slipway"'))
    if refused.code is Code.METHOD_NOT_ALLOWED:
        headers.append((b"allow", _METHODS.encode()))
    body = orjson.dumps({"errors": refused.errors})
    await respond(send, refused.status(plain_json=media == JSON), body, media, headers)


async def respond(
    send: Send, status: int, body: bytes, media: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """A whole response that no cache keeps."""
    told = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
