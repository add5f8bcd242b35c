"""Liveness and readiness."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def health_routes(ready: Callable[[], Awaitable[str | None]]) -> list[Route]:
    """``/healthz`` says the loop runs; ``/readyz`` is 503 with the reason that ``ready`` answers."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> JSONResponse:
        reason = await ready()
        return JSONResponse({"status": reason or "ready"}, status_code=503 if reason else 200)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
