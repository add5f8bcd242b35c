"""The token that a request of a stock client brings."""

import base64
import binascii


def token_of(authorization: str) -> str:
    """The bearer token, or the password whatever the user is called; empty when there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
