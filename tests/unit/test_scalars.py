"""Scalars refuse what is malformed and tell what would pass."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from graphql import GraphQLError

from schema.scalars import SCALARS, BigInt, GitSha, Sha256Digest, told_time

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("scalar", "value", "told"),
    [
        (GitSha, SHA[:39], "40 lower-case hex digits"),
        (GitSha, SHA.upper(), "40 lower-case hex digits"),
        (GitSha, SHA + "\n", "40 lower-case hex digits"),
        (GitSha, "HEAD", "40 lower-case hex digits"),
        (GitSha, 1, "40 lower-case hex digits"),
        (Sha256Digest, "0" * 64, "'sha256:' and 64"),
        (Sha256Digest, "sha256:" + "0" * 63, "'sha256:' and 64"),
        (BigInt, 2**53, "53 bits"),
        (BigInt, True, "whole number"),
        (BigInt, "1", "whole number"),
        (datetime, "2030-01-31", "RFC 3339"),
        (datetime, "2030-01-31T12:00:00", "RFC 3339"),
        (datetime, "2030-02-31T12:00:00Z", "RFC 3339"),
        (datetime, "9999-12-31T23:59:59-23:59", "RFC 3339"),
        (datetime, 1, "RFC 3339"),
    ],
)
def test_what_is_malformed_is_refused_and_told_what_would_pass(scalar: object, value: Any, told: str) -> None:
    parse = SCALARS[scalar].parse_value
    assert parse is not None
    with pytest.raises(GraphQLError, match=told):
        parse(value)


@pytest.mark.parametrize(
    ("scalar", "value", "parsed"),
    [
        (GitSha, SHA, SHA),
        (Sha256Digest, "sha256:" + "0" * 64, "sha256:" + "0" * 64),
        (BigInt, 2**53 - 1, 2**53 - 1),
        (datetime, "2030-01-31t12:00:00.5z", datetime(2030, 1, 31, 12, 0, 0, 500_000, UTC)),
        (datetime, "2030-01-31T12:00:00+02:00", datetime(2030, 1, 31, 10, 0, 0, 0, UTC)),
    ],
)
def test_what_is_well_formed_passes(scalar: object, value: Any, parsed: Any) -> None:
    parse = SCALARS[scalar].parse_value
    assert parse is not None
    assert parse(value) == parsed


def test_times_are_told_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    assert told_time(datetime(2030, 1, 31, 1, 0, 0, 7, zone)) == "2030-01-30T23:00:00.000007Z"
