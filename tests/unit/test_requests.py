"""What makes a request malformed, and which media type it is answered in."""

from urllib.parse import urlencode

import pytest

from resolvers.media import GRAPHQL, JSON, accepted, is_json
from resolvers.refusals import Code, Refused
from resolvers.requests import GraphqlRequest, json_of, request_of, request_of_url

QUERY = "{ __typename }"
GOOD = {"query": QUERY}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([GOOD], "batches are not taken: send each operation by itself"),
        (QUERY, "the body is a string: send an object with a query"),
        (None, "the body is absent: send an object with a query"),
        ({}, "query is absent: send the document as a string"),
        ({"query": 1}, "query is a number: send the document as a string"),
        (GOOD | {"operationName": True}, "operationName is a boolean: send a string or leave it out"),
        (GOOD | {"variables": []}, "variables is a list: send an object or leave it out"),
        (GOOD | {"extensions": "x"}, "extensions is a string: send an object or leave it out"),
    ],
)
def test_a_member_of_the_wrong_type_is_named(asked: object, message: str) -> None:
    with pytest.raises(Refused) as refused:
        request_of(asked)
    assert (refused.value.code, str(refused.value)) == (Code.BAD_REQUEST, message)


def test_null_members_and_an_empty_name_are_left_out() -> None:
    asked = GOOD | {"operationName": "", "variables": None, "extensions": None}
    assert request_of(asked) == GraphqlRequest(query=QUERY)


@pytest.mark.parametrize("body", [b"", b"{", b'{"query": "\xff"}', b"NaN", b'"\\ud800"', b"[" * 2_000])
def test_only_strict_json_is_read(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        json_of(body)
    assert refused.value.code is Code.BAD_REQUEST


def test_a_url_carries_variables_and_extensions_as_json() -> None:
    given = {"query": QUERY, "variables": '{"a": 1}', "extensions": "{}", "operationName": "A"}
    asked = request_of_url(urlencode(given).encode())
    assert asked == GraphqlRequest(query=QUERY, operation_name="A", variables={"a": 1}, queries_only=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "query is absent"),
        ([("query", QUERY), ("variables", "{")], "the parameter variables is not JSON"),
        ([("query", QUERY), ("variables", "[]")], "variables is a list"),
        ([("query", QUERY), ("query", QUERY)], "the parameter 'query' is given more than once"),
        ([("query", "\udcff")], "the query string cannot be read"),
        ([(str(number), "") for number in range(21)], "the query string cannot be read"),
    ],
)
def test_a_malformed_url_says_what_is_wrong(given: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(Refused) as refused:
        request_of_url(urlencode(given, errors="surrogateescape").encode())
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON};q=0.9", GRAPHQL),
        (f"{JSON}, {GRAPHQL};q=0.5", JSON),
        (f"{JSON}, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0, */*;q=0.2", JSON),
        (f"text/event-stream, {JSON}", JSON),
        (f"{JSON};q=oops", None),
        ("image/png", None),
        ("text/event-stream", None),
    ],
)
def test_the_highest_quality_wins_then_the_more_specific(accept: str, media: str | None) -> None:
    assert accepted(accept).answer == media


def test_a_stream_or_a_page_is_only_for_who_names_it() -> None:
    assert accepted("text/event-stream").stream
    assert not accepted("*/*").stream
    assert accepted("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8").html
    assert not accepted(f"{GRAPHQL}, text/html;q=0.5").html
    assert not accepted("*/*").html


@pytest.mark.parametrize(
    ("content_type", "read"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ('application/json; charset="utf-8"; v=1', True),
        ("application/json; charset=latin-1", False),
        ("application/jsonp", False),
        ("text/plain", False),
        ("", False),
    ],
)
def test_a_body_is_json_in_utf_8(content_type: str, read: bool) -> None:
    assert is_json(content_type) is read
