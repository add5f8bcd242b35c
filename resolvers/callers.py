"""Who asks: the bearer token of a request, or its session cookie when our own page sent it."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.types import Scope

from resolvers.refusals import Code, Refused
from services.actor import Actor
from services.errors import Forbidden
from services.platform.issuer import InvalidToken
from storage.errors import Unavailable

Headers = Mapping[bytes, bytes]


class Callers:
    """``session`` answers the token of a cookie, and raises Forbidden for one that a foreign page may have sent."""

    def __init__(
        self, authenticate: Callable[[str], Awaitable[Actor]], session: Callable[[Scope, Headers], str | None]
    ) -> None:
        self._authenticate = authenticate
        self._session = session

    def token(self, scope: Scope, headers: Headers) -> str:
        """The token that the request brings, empty when it brings none; a bearer token goes before a cookie."""
        given = headers.get(b"authorization")
        if given is not None:
            scheme, _, token = given.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
        try:
            return self._session(scope, headers) or ""
        except Forbidden as error:
            raise Refused(Code.FORBIDDEN, error.message) from error

    async def actor(self, token: str) -> Actor:
        """The caller; Refused when the token is not alive."""
        try:
            return await self._authenticate(token)
        except InvalidToken as error:
            raise Refused(Code.UNAUTHENTICATED, str(error)) from error
        except Unavailable as error:
            raise Refused(Code.PROVIDER_UNAVAILABLE, f"{error}: try again") from error
