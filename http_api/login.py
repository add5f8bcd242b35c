"""One-time login links for who sits at the machine: a code becomes a session cookie, from loopback only, once."""

import hashlib
import ipaddress
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from services.errors import Forbidden

CSRF_HEADER: Final = b"x-slipway-csrf"
CODE_SECONDS: Final = 600
OUTSTANDING: Final = 16
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "via")


class LoginLinks:
    """Codes that nobody used yet, as their digests; they do not outlive the process."""

    def __init__(self) -> None:
        self._codes: dict[bytes, float] = {}

    def new(self) -> str:
        """A code for one sign-in within ``CODE_SECONDS``; more than ``OUTSTANDING`` push the oldest out."""
        code = secrets.token_urlsafe(32)
        self._codes[_digest(code)] = time.monotonic() + CODE_SECONDS
        while len(self._codes) > OUTSTANDING:
            del self._codes[next(iter(self._codes))]
        return code

    def use(self, code: str) -> bool:
        """Whether the code was good; it is not any more."""
        expires_at = self._codes.pop(_digest(code), 0.0)
        return time.monotonic() < expires_at


def session_of(scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
    """The cookie's token; Forbidden unless our own page sent it, which the header that it must carry proves."""
    cookie = headers.get(b"cookie")
    token = None if cookie is None else _cookies(cookie.decode("latin-1")).get(_cookie(scope))
    if not token:
        return None
    if not headers.get(CSRF_HEADER):
        raise Forbidden(
            f"a session cookie is taken only with the header {CSRF_HEADER.decode()}: send it with any value"
        )
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin", b"").decode("latin-1")
    site = headers.get(b"sec-fetch-site", b"none")
    if (origin and origin.partition("://")[2] != host) or site not in (b"same-origin", b"none"):
        raise Forbidden("a session cookie is taken only from pages of this address: send a bearer token instead")
    return token


def login_routes(
    links: LoginLinks, begin: Callable[[], Awaitable[str]], end: Callable[[str], Awaitable[None]], *, lifetime: int
) -> list[Route]:
    """``GET /login?code=`` signs in and goes to the explorer; ``POST /logout`` ends the session."""

    async def login(request: Request) -> Response:
        if not _is_loopback(request):
            return _told("login links work on the machine that serves, without a proxy", 403)
        if not links.use(request.query_params.get("code", "")):
            return _told("this login link was used, has expired or is of an earlier start: ask for another", 403)
        response = RedirectResponse("/graphql", status_code=303, headers=_PRIVATE)
        token = await begin()
        response.set_cookie(_cookie(request.scope), token, max_age=lifetime, httponly=True, samesite="strict")
        return response

    async def logout(request: Request) -> Response:
        try:
            token = session_of(request.scope, dict(request.scope["headers"]))
        except Forbidden as error:
            return _told(error.message, 403)
        if token is not None:
            await end(token)
        response = _told("signed out", 200)
        response.delete_cookie(_cookie(request.scope), httponly=True, samesite="strict")
        return response

    return [Route("/login", login, methods=["GET"]), Route("/logout", logout, methods=["POST"])]


_PRIVATE: Final = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


def _told(message: str, status: int) -> Response:
    return PlainTextResponse(message + "\n", status_code=status, headers=_PRIVATE)


def _is_loopback(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _cookie(scope: Scope) -> str:
    """Cookies know no ports: two installations of one machine need two names."""
    return f"slipway-session-{(scope.get('server') or ('', 0))[1]}"


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogateescape")).digest()
