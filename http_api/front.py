"""The first thing that a request meets: hot paths go straight to their app, the rest through the router."""

from collections.abc import Mapping, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class Front:
    """Pages of ``origins`` may ask with a bearer token, never with cookies; without any, nobody's may."""

    def __init__(self, paths: Mapping[str, ASGIApp], rest: ASGIApp, origins: Sequence[str] = ()) -> None:
        self._rest = _shared(rest, origins)
        self._paths = {path: _shared(app, origins) for path, app in paths.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Exact paths only."""
        await self._paths.get(scope.get("path", ""), self._rest)(scope, receive, send)


def _shared(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST"),
        allow_headers=("authorization", "content-type", "last-event-id"),
        expose_headers=("x-correlation-id",),
        max_age=600,
    )
