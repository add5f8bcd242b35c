"""Scalars of our own: shas, digests, times in UTC and sizes beyond 32 bits; each refuses what is malformed."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

GitSha = NewType("GitSha", str)
Sha256Digest = NewType("Sha256Digest", str)
BigInt = NewType("BigInt", int)

_SHA: Final = re.compile(r"[0-9a-f]{40}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")
LARGEST: Final = 2**53 - 1


def _text(shape: re.Pattern[str], wanted: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not shape.fullmatch(value):
            raise GraphQLError(f"{str(value)[:80]!r} is not {wanted}")
        return value

    return parse


def told_time(value: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _time(value: Any) -> datetime:
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise GraphQLError(f"{str(value)[:80]!r} is not an RFC 3339 time with a zone, such as '2030-01-31T12:00:00Z'")


def _size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        raise GraphQLError(f"{str(value)[:80]!r} is not a whole number of at most 53 bits")
    return value


SCALARS: Final[Mapping[object, ScalarDefinition]] = {
    GitSha: strawberry.scalar(
        name="GitSha",
        description="A commit's or object's sha in Git: 40 lower-case hex digits.",
        parse_value=_text(_SHA, "a sha: expected 40 lower-case hex digits"),
    ),
    Sha256Digest: strawberry.scalar(
        name="Sha256Digest",
        description="The digest of content: 'sha256:' and 64 lower-case hex digits.",
        parse_value=_text(_DIGEST, "a digest: expected 'sha256:' and 64 lower-case hex digits"),
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of at most 53 bits, as a JSON number; sizes are in bytes.",
        serialize=int,
        parse_value=_size,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An RFC 3339 time, answered in UTC with microseconds.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=told_time,
        parse_value=_time,
    ),
}
