"""Why an operation is not executed: the closed list of top-level error codes, and how each is told over HTTP."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final


class Code(StrEnum):
    """``extensions.code`` of an error that no resolver raised; resolvers add those of ``services/errors.py``."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_REQUEST = "BAD_REQUEST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    OPERATION_NOT_FOUND = "OPERATION_NOT_FOUND"
    INVALID_VARIABLES = "INVALID_VARIABLES"
    INTROSPECTION_DISABLED = "INTROSPECTION_DISABLED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    TIMED_OUT = "TIMED_OUT"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    INTERNAL = "INTERNAL"


_STATUS: Final[dict[Code, int]] = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.NOT_ACCEPTABLE: 406,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.TIMED_OUT: 503,
    Code.PROVIDER_UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}
# The request was well formed, its operation was not: GraphQL over HTTP tells these with 200 as application/json.
_IN_OPERATION: Final = frozenset(
    {
        Code.GRAPHQL_PARSE_FAILED,
        Code.GRAPHQL_VALIDATION_FAILED,
        Code.OPERATION_NOT_FOUND,
        Code.INVALID_VARIABLES,
        Code.INTROSPECTION_DISABLED,
        Code.LIMIT_EXCEEDED,
        Code.TIMED_OUT,
    }
)


class Refused(Exception):
    """Nothing was executed, and an answer has ``errors`` without ``data``."""

    def __init__(self, code: Code, message: str, **extensions: object) -> None:
        super().__init__(message)
        self.code = code
        self.errors: Sequence[dict[str, Any]] = ({"message": message, "extensions": {"code": code, **extensions}},)

    @classmethod
    def with_errors(cls, code: Code, errors: Sequence[dict[str, Any]]) -> "Refused":
        """Several errors of one kind, each as it is told."""
        refused = cls(code, str(errors[0]["message"]))
        refused.errors = tuple(errors)
        return refused

    def again(self) -> "Refused":
        """The same without a traceback, so that what is remembered keeps no frames alive."""
        return type(self).with_errors(self.code, self.errors)

    def status(self, *, plain_json: bool) -> int:
        """The HTTP status; ``plain_json`` when the client takes application/json, not graphql-response+json."""
        return 200 if plain_json and self.code in _IN_OPERATION else _STATUS.get(self.code, 400)


class TooLarge(Refused):
    """The body is over its limit: 413 in either media type."""

    def status(self, *, plain_json: bool) -> int:
        """Not even the request is well formed."""
        return 413


def over(limit: str, value: int, bound: int, message: str) -> Refused:
    """Says which limit, the value and the bound."""
    return Refused(Code.LIMIT_EXCEEDED, message, limit=limit, value=value, bound=bound)
