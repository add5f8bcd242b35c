"""The explorer: a page of our own that needs nothing from outside, under a policy that lets it reach nothing else."""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

_FOLDER: Final = Path(__file__).parent / "explorer"
_SERVED: Final = {
    "explorer.css": "text/css",
    "explorer.js": "text/javascript",
    "client.js": "text/javascript",
    "documentation.js": "text/javascript",
    "schema.js": "text/javascript",
}
_HEADERS: Final = {
    "content-security-policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    ),
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


async def explorer_page(scope: Scope, receive: Receive, send: Send) -> None:
    """The page itself, which ``GET /graphql`` answers to browsers."""
    page = FileResponse(_FOLDER / "explorer.html", media_type="text/html", headers=_HEADERS | {"vary": "accept"})
    await page(scope, receive, send)


def explorer_routes() -> list[Route]:
    """What the page loads, and the way to it."""

    async def home(_: Request) -> Response:
        return RedirectResponse("/graphql")

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _SERVED:
            return PlainTextResponse("no such file\n", status_code=404)
        return FileResponse(_FOLDER / name, media_type=_SERVED[name], headers=_HEADERS)

    return [Route("/", home, methods=["GET"]), Route("/explorer/{name}", asset, methods=["GET"])]
