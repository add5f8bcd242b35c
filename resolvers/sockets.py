"""graphql-transport-ws at ``/graphql``; the token comes in connection_init or in the header."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from resolvers.context import Context
from resolvers.masking import graphql_schema
from services.actor import Actor
from services.platform.issuer import InvalidToken


class SocketServer(GraphQL[Context, None]):
    """A socket's caller is named when it is initialised."""

    def __init__(
        self, authenticate: Callable[[str], Awaitable[Actor]], context: Callable[[HTTPConnection], Context]
    ) -> None:
        super().__init__(
            graphql_schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=10),
        )
        self._authenticate = authenticate
        self._context = context

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """The header's token, unless connection_init brings another."""
        context = self._context(request)
        context.connection_params = {"Authorization": request.headers.get("authorization", "")}
        return context

    async def on_ws_connect(self, context: Context) -> None:
        """4403 without a live token in connection_init or the header."""
        given = (context.connection_params or {}).get("Authorization", "")
        try:
            context.sign_in(await self._authenticate(str(given).removeprefix("Bearer ")))
        except InvalidToken as error:
            raise ConnectionRejectionError({"reason": str(error)}) from error
