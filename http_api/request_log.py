"""One line for each request, and its correlation id on the response."""

import time
from typing import Any, Final
from uuid import uuid4

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger()
_QUIET: Final = frozenset({"/healthz", "/readyz"})


class RequestLog:
    """Adds to ``scope["state"]`` a ``correlation_id`` and ``told``, a dict of what the line shall say besides.

    Query strings, headers, bodies and variables are never told: they carry tokens and codes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 500 with an id for what the app did not catch."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        told: dict[str, Any] = {}
        answered = _Answered(send, f"req-{uuid4().hex}")
        scope["state"] = {**scope.get("state", {}), "correlation_id": answered.correlation_id, "told": told}
        started = time.perf_counter()
        try:
            await self._app(scope, receive, answered)
        except Exception:
            _log.exception("uncaught error", correlationId=answered.correlation_id, path=scope["path"])
            await answered.fail(scope["type"])
        finally:
            level = "debug" if scope["path"] in _QUIET else "info"
            getattr(_log, level)(
                "request" if scope["type"] == "http" else "socket",
                correlationId=answered.correlation_id,
                method=scope.get("method"),
                path=scope["path"],
                status=answered.status,
                durationMs=round((time.perf_counter() - started) * 1000, 2),
                **{name: value for name, value in told.items() if value},
            )


class _Answered:
    """Sends on, and remembers the status."""

    def __init__(self, send: Send, correlation_id: str) -> None:
        self._send = send
        self.correlation_id = correlation_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-correlation-id", self.correlation_id.encode())]
        elif message["type"] == "websocket.close":
            self.status = message.get("code", 1000)
        await self._send(message)

    async def fail(self, kind: str) -> None:
        """500, or 1011 to a socket; once an answer has begun, the server ends the connection."""
        if kind == "websocket":
            await self({"type": "websocket.close", "code": 1011})
            return
        if self.status is not None:
            return
        extensions = {"code": "INTERNAL", "id": self.correlation_id}
        error = {"message": f"Internal error {self.correlation_id}", "extensions": extensions}
        body = orjson.dumps({"errors": [error]})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self({"type": "http.response.start", "status": 500, "headers": headers})
        await self({"type": "http.response.body", "body": body})
