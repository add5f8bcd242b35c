"""Hostile result files: each is one clear error, and none needs memory."""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO, RawIOBase
from itertools import chain, repeat
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.pipelines.results import cases, cobertura, reader
from providers.pipelines.results.errors import ResultsInvalid
from providers.pipelines.results.parse import parse_coverage, parse_tests
from providers.pipelines.results.values import TestFormat

Parse = Callable[[BinaryIO], Any]
PARSERS: list[Parse] = [
    *(lambda file, written=written: parse_tests(written, file) for written in TestFormat),
    parse_coverage,
]
LAUGHS = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))


class Endless(RawIOBase):
    """Made as it is read, so that the test itself holds none of it."""

    def __init__(self, first: bytes, again: bytes) -> None:
        self._parts = chain([first], repeat(again))

    def read(self, size: int = -1) -> bytes:
        return next(self._parts)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "text",
    [
        f"<!DOCTYPE x [<!ENTITY a0 'ha'>{LAUGHS}]><x>&a9;</x>",
        f"<!DOCTYPE x [<!ENTITY a '{'a' * 50_000}'>]><x>{'&a;' * 10_000}</x>",
        "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><x>&f;</x>",
        "<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/x'> %p;]><x/>",
        "<!DOCTYPE x [<!NOTATION n SYSTEM 'n'><!ENTITY u SYSTEM 'u' NDATA n>]><x/>",
    ],
    ids=["laughs", "quadratic", "file", "parameter", "unparsed"],
)
def test_entities_are_refused_where_they_are_declared(parse: Parse, text: str) -> None:
    with pytest.raises(ResultsInvalid, match="entities and external references are refused"):
        parse(BytesIO(text.encode()))


TOKEN = "a tag or comment over 512 KiB"
ENDLESS = {
    "text": (b"<testsuite>", b"x" * 65_536, "over 64 MiB"),
    "attribute": (b"<testsuite name='", b"x" * 65_536, TOKEN),
    "attributes": (b"<testsuite", b" a='x'" * 10_000, TOKEN),
    "name": (b"<", b"x" * 65_536, TOKEN),
    "comment": (b"<testsuite><!--", b"x" * 65_536, TOKEN),
    "declaration": (b"<!DOCTYPE x [", b" " * 65_536, "over 64 MiB"),
    "depth": (b"<testsuite>", b"<a>" * 1_000, "deeper than 100"),
    "cases": (b"<testsuite>", b"<testcase name='t'/>" * 1_000, "over 20000 test cases"),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_has_no_end_is_refused_at_a_bound(kind: str) -> None:
    first, again, told = ENDLESS[kind]
    tracemalloc.start()
    try:
        with pytest.raises(ResultsInvalid, match=told):
            parse_tests(TestFormat.JUNIT, cast(BinaryIO, Endless(first, again)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * 1024**2


def test_elements_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_ELEMENTS", 10_000)
    with pytest.raises(ResultsInvalid, match="over 10000 elements"):
        parse_tests(TestFormat.JUNIT, cast(BinaryIO, Endless(b"<testsuite>", b"<a/>" * 1_000)))


def test_messages_and_stacks_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "MOST_KEPT_CHARACTERS", 1024**2)
    case = b"<testcase><failure>%s</failure></testcase>" % (b"x" * 60_000)
    with pytest.raises(ResultsInvalid, match="messages and stacks over 1 MiB"):
        parse_tests(TestFormat.JUNIT, cast(BinaryIO, Endless(b"<testsuite>", case)))


def test_coverage_of_endless_lines_or_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cobertura, "MOST_LINES", 2)
    monkeypatch.setattr(cobertura, "MOST_FILES", 2)
    lines = "".join(f'<line number="{n}" hits="1"/>' for n in range(3))
    with pytest.raises(ResultsInvalid, match="over 2 lines"):
        parse_coverage(BytesIO(f"<coverage><class filename='a'><lines>{lines}</lines></class></coverage>".encode()))
    files = "".join(f"<class filename='{n}'/>" for n in range(3))
    with pytest.raises(ResultsInvalid, match="over 2 files"):
        parse_coverage(BytesIO(f"<coverage>{files}</coverage>".encode()))


@pytest.mark.parametrize(
    "text", ["", "<testsuite>", "<a/><b/>", "\x00", "<?xml version='1.0' encoding='no-such'?><a/>"]
)
def test_what_is_no_xml_says_so(text: str) -> None:
    with pytest.raises(ResultsInvalid):
        parse_tests(TestFormat.JUNIT, BytesIO(text.encode()))


FRAGMENTS = st.sampled_from(
    ["<testsuite>", "</testsuite>", "<testcase name='a' time='1e400'>", "</testcase>", "<failure>", "</failure>", "x",
     "<UnitTestResult duration='9:9:9'>", "</UnitTestResult>", "<TestRun>", "</TestRun>", "<class filename='a'>",
     "<lines>", "<line number='1' hits='1' condition-coverage='1% (9/0)'/>", "</lines>", "</class>", "<coverage>",
     "</coverage>", "<test-case result='Failed' name='(.)'>", "</test-case>", "<test-run>", "</test-run>", "&#0;",
     "\xff"]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=200), st.lists(FRAGMENTS, max_size=12).map(lambda parts: "".join(parts).encode())))
def test_whatever_the_bytes_a_parser_answers_or_says_why_not(data: bytes) -> None:
    for parse in PARSERS:
        found = None
        with suppress(ResultsInvalid):
            found = parse(BytesIO(data))
        assert found is None or len(found) <= 12
