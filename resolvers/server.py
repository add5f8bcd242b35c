"""GraphQL over HTTP and graphql-transport-ws at ``/graphql``, behind bearer tokens."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from resolvers.context import Context
from resolvers.masking import graphql_schema
from services.actor import Actor
from services.platform.issuer import InvalidToken

BODY = 262_144


class GraphqlServer(GraphQL[Context, None]):
    """Refuses without a token before anything is parsed; a socket may bring it in connection_init."""

    def __init__(self, authenticate: Callable[[str], Awaitable[Actor]], context: Callable[[], Context]) -> None:
        super().__init__(
            graphql_schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=10),
        )
        self._authenticate = authenticate
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """401 with a GraphQL error, 413 for a body over 256 KiB, else the operation."""
        if scope["type"] == "http":
            refusal = await self._refusal(Request(scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        try:
            request.state.actor = await self._authenticate(bearer(request))
        except InvalidToken as error:
            body = {"errors": [{"message": str(error), "extensions": {"code": "UNAUTHENTICATED"}}]}
            return JSONResponse(body, status_code=401, headers={"WWW-Authenticate": 'Bearer realm="slipway"'})
        length = request.headers.get("content-length", "0")
        if request.method == "POST" and (not length.isdigit() or int(length) > BODY):
            message = f"the body has {length[:20]} bytes: the limit is {BODY}"
            body = {"errors": [{"message": message, "extensions": {"code": "LIMIT_EXCEEDED"}}]}
            return JSONResponse(body, status_code=413)
        return None

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """A request's caller is known; a socket's is named when it is initialised."""
        context = self._context()
        actor: Actor | None = getattr(request.state, "actor", None)
        if actor is not None:
            context.sign_in(actor)
        else:
            context.connection_params = {"Authorization": request.headers.get("authorization", "")}
        return context

    async def on_ws_connect(self, context: Context) -> None:
        """4403 without a live token in connection_init or the header."""
        given = (context.connection_params or {}).get("Authorization", "")
        try:
            context.sign_in(await self._authenticate(str(given).removeprefix("Bearer ")))
        except InvalidToken as error:
            raise ConnectionRejectionError({"reason": str(error)}) from error


def bearer(connection: HTTPConnection) -> str:
    """The token of the Authorization header, empty when there is none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
