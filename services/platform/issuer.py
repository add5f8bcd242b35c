"""The embedded token issuer: Ed25519, RFC 9068 access tokens, one key of this installation."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

AUDIENCE = "slipway"
ISSUER = "slipway:embedded"
_ALGORITHMS = ["Ed25519"]
_LEEWAY = 60


class InvalidToken(Exception):
    """The token is malformed, forged, expired or not for this installation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """What a token says; whether it is revoked only the rows know."""

    tenant_id: UUID
    identity_id: UUID
    token_id: UUID
    expires_at: float


class TokenIssuer:
    """Signs and verifies; thread-safe."""

    def __init__(self, private_key_pem: bytes) -> None:
        self._key = OKPKey.import_key(private_key_pem)

    @staticmethod
    def new_key() -> bytes:
        """A fresh Ed25519 private key in PEM."""
        return OKPKey.generate_key("Ed25519").as_pem(private=True)

    def issue(self, *, tenant_id: UUID, identity_id: UUID, token_id: UUID, expires_at: datetime) -> str:
        """The compact token; it is told once and never stored."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": identity_id.hex,
            "tenant": tenant_id.hex,
            "jti": token_id.hex,
            "iat": int(time.time()),
            "exp": int(expires_at.timestamp()),
        }
        return jwt.encode({"alg": "Ed25519", "typ": "at+jwt"}, claims, self._key, algorithms=_ALGORITHMS)

    def verify(self, token: str) -> Claims:
        """The claims; InvalidToken for anything but a live token of this key."""
        if not token:
            raise InvalidToken("there is no token: send one as 'Authorization: Bearer <token>'")
        try:
            decoded = jwt.decode(token, self._key, algorithms=_ALGORITHMS)
            return self._claims(decoded.header, decoded.claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise InvalidToken("the token is not valid here: issue a new one") from error

    def _claims(self, header: dict[str, Any], claims: dict[str, Any]) -> Claims:
        if header.get("typ") != "at+jwt" or claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
            raise ValueError("not an access token of this installation")
        if float(claims["exp"]) <= time.time() or float(claims["iat"]) > time.time() + _LEEWAY:
            raise ValueError("not within its time")
        return Claims(
            tenant_id=UUID(hex=claims["tenant"]),
            identity_id=UUID(hex=claims["sub"]),
            token_id=UUID(hex=claims["jti"]),
            expires_at=float(claims["exp"]),
        )
