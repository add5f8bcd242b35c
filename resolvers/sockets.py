"""graphql-transport-ws at ``/graphql``: subscriptions, queries and mutations over one socket."""

from collections.abc import Callable
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from resolvers.context import Context
from resolvers.conversation import Close, Conversation, Socket
from resolvers.feeds import Feeds
from resolvers.sessions import Gone, Sessions
from services.platform.issuer import InvalidToken

PROTOCOL: Final = "graphql-transport-ws"


class SocketServer:
    """Accepts sockets; each is ended with its token, and when its client goes away or takes nothing any more."""

    def __init__(
        self,
        feeds: Feeds,
        sessions: Sessions,
        context: Callable[[HTTPConnection], Context],
        *,
        heartbeat_seconds: float,
        init_seconds: float = 10.0,
    ) -> None:
        self._feeds = feeds
        self._sessions = sessions
        self._context = context
        self._init_seconds = init_seconds
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One socket, from the handshake to its close."""
        socket = Socket(receive, send, self._feeds.operations.limits.body_bytes)
        try:
            if PROTOCOL not in scope["subprotocols"]:
                await socket.accept(None)
                raise Close(4406, f"Subprotocol not acceptable: {PROTOCOL} is spoken here")
            await socket.accept(PROTOCOL)
            await self._converse(HTTPConnection(scope), socket)
        except Close as close:
            await socket.close(close)
        except InvalidToken as error:
            await socket.close(Close(4403, f"Forbidden: {error}"))
        except (Gone, OSError):
            return

    async def _converse(self, connection: HTTPConnection, socket: Socket) -> None:
        conversation = Conversation(socket, self._feeds, lambda: self._context(connection))
        token = await conversation.initialised(self._init_seconds) or connection.headers.get("authorization", "")
        async with self._sessions.of(token.removeprefix("Bearer ").strip()) as actor:
            await conversation.go_on(actor, self._heartbeat_seconds)
