"""Expressions: what each comes to, what was seen on the way, and what is refused where."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.expressions.evaluation import Names, Outcome, evaluate, grammar_of
from providers.pipelines.expressions.syntax import Literal, parse
from providers.pipelines.expressions.values import Value, Version

VALUES: dict[str, Value] = {
    "variables": {"Build.SourceBranch": "refs/heads/main", "a": "b", "b": "deep", "empty": "", "Count": "7"},
    "parameters": {
        "regions": ["west", "East"],
        "pool": {"name": "small", "size": Decimal(2)},
        "jobs": [{"name": "one", "steps": ["x"]}, {"name": "two"}, {"other": "three"}],
        "yes": True,
    },
    "pipeline": {"startTime": datetime(2026, 3, 4, 15, 6, 7, tzinfo=UTC)},
}


def succeeded(values: Sequence[Value]) -> Value:
    return not values or values == ["build"]


NAMES = Names(values=VALUES, functions={"succeeded": succeeded})
GRAMMAR = grammar_of(tuple(VALUES), {"succeeded": (0, None)})


def outcome(text: str) -> Outcome:
    return evaluate(parse(text, GRAMMAR), NAMES)


def value(text: str) -> Value:
    return outcome(text).value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("'it''s'", "it's"),
        ("-1.50", Decimal("-1.5")),
        (".5", Decimal("0.5")),
        ("0xff", Decimal(255)),
        ("1.2.3", Version((1, 2, 3))),
        ("45700000000000000000000000000", Decimal("45700000000000000000000000000")),
        ("variables['build.sourcebranch']", "refs/heads/main"),
        ("variables.A", "b"),
        ("variables[variables.a]", "deep"),
        ("variables.none", None),
        ("variables.none.deeper[0]", None),
        ("parameters.regions[1]", "East"),
        ("parameters.regions[9]", None),
        ("parameters.jobs.*.name", ("one", "two")),
        ("parameters.jobs[*].steps[0]", ("x",)),
        ("parameters.pool.*", ("small", Decimal(2))),
        ("iif(parameters.yes, parameters.pool, null).name", "small"),
    ],
)
def test_a_literal_or_a_look_up_is_its_value(text: str, expected: Any) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected) or isinstance(expected, tuple)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eq('Main', 'mAIN')", True),
        ("eq('1', 1)", True),
        ("eq(1, '1.0')", True),
        ("eq(1, 'one')", False),
        ("eq(1000, ' 1,000.0 ')", True),
        ("eq(10, '1e1')", False),
        ("ne(1, 'one')", True),
        ("eq(true, 'false')", True),
        ("eq(null, '')", True),
        ("eq(null, 'x')", False),
        ("eq('', null)", True),
        ("eq(1.2.3, '1.2.3')", True),
        ("eq(parameters.pool, parameters.pool)", True),
        ("eq(parameters.pool, parameters.regions)", False),
        ("gt(1.10.0, 1.9.9)", True),
        ("lt(1.2.0, 1.2.0.0)", True),
        ("ge('b', 'A')", True),
        ("le(2, '10')", True),
        ("lt(false, true)", True),
        ("and(true, 1, 'x')", True),
        ("and(true, false, gt(1, 'no'))", False),
        ("or(false, 0, '')", False),
        ("or(true, gt(1, 'no'))", True),
        ("not('')", True),
        ("xor(true, true)", False),
        ("in('B', 'a', 'b')", True),
        ("notIn('c', 'a', 'b')", True),
        ("contains('Refs/Heads', 'heads')", True),
        ("containsValue(parameters.regions, 'EAST')", True),
        ("containsValue(parameters.pool, 'small')", True),
        ("containsValue(parameters.regions, 'north')", False),
        ("startsWith(variables['Build.SourceBranch'], 'REFS/')", True),
        ("endsWith('main', 'AIN')", True),
        ("succeeded('build')", True),
        ("succeeded('test')", False),
    ],
)
def test_a_condition_is_true_or_false(text: str, expected: bool) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("coalesce(variables.empty, variables.none, 'last')", "last"),
        ("coalesce('', '')", None),
        ("format('{0}-{1} {{x}}', 'a', 2)", "a-2 {x}"),
        ("format(1.2.4.05)", "1.2.4.5"),
        ("format('{0:yyyyMMdd}.{0:HH-mm-ss}', pipeline.startTime)", "20260304.15-06-07"),
        ("join(';', parameters.regions)", "west;East"),
        ("join(';', parameters.jobs)", ";;"),
        ("join(';', 'alone')", "alone"),
        ("split('a,b;c', ',;')", ["a", "b", "c"]),
        ("replace('aXa', 'X', '-')", "a-a"),
        ("lower('ÄB')", "äb"),
        ("upper('ab')", "AB"),
        ("trim('  a ')", "a"),
        ("length(parameters.regions)", Decimal(2)),
        ("length(parameters.pool)", Decimal(2)),
        ("length('four')", Decimal(4)),
        ("substring('Hello small World', 6, 5)", "small"),
        ("substring('Hello', 3)", "lo"),
        ("iif(eq(variables.Count, 7), 'seven', 'other')", "seven"),
        ("convertToJson(parameters.pool)", '{\n  "name": "small",\n  "size": 2\n}'),
    ],
)
def test_a_function_makes_a_value(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("", 0, "the expression is empty"),
        ("nothing", 0, "Unrecognized named-value: 'nothing'; here there are: parameters, pipeline, variables"),
        ("and(true, nothing())", 10, "Unrecognized function: 'nothing'"),
        ("le(0.9.o.9, 1.0.0)", 3, "Unexpected symbol: '0.9.o.9'"),
        ("parameters.param-minus", 11, "Unexpected symbol: 'param-minus'"),
        ("eq(1)", 0, "eq takes 2 values, not 1"),
        ("and(true)", 0, "and takes at least 2 values, not 1"),
        ("substring('a')", 0, "substring takes 2 to 3 values, not 1"),
        ("eq(1, 2", 7, "ends too early"),
        ("eq(1 2)", 5, "should be a comma or )"),
        ("'open", 0, "close it with '"),
        ("eq(1, 2) true", 9, "Unexpected symbol: 'true'"),
        ("variables[", 10, "ends too early"),
        ("a == b", 0, "Unrecognized named-value: 'a'"),
        ("(" * 3, 0, "Unexpected symbol: '('"),
        ("not(" * 60 + "true" + ")" * 60, 200, "nested over 50 deep"),
        ("'" + "x" * 21_000 + "'", 0, "over 21,000"),
    ],
)
def test_what_cannot_be_read_says_what_stands_where(text: str, offset: int, says: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse(text, GRAMMAR)
    assert says in str(refused.value)
    assert refused.value.offset == offset


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gt(1, 'no')", "gt(1, 'no'): 'no' is a string and cannot be made a number"),
        ("or(false, gt(parameters.pool, 1))", "cannot be made an object"),
        ("format('{1}', 1)", "a place {1} and only 1 values"),
        ("format('{', 1)", "a lone {"),
        ("format('{0}', parameters.pool)", "cannot show an object: use convertToJson"),
        ("substring('abc', 2, 5)", "substring(2, 5) is not within a text of 3 characters"),
        ("replace('a', '', 'b')", "its second value is empty"),
    ],
)
def test_a_function_that_cannot_take_its_values_says_which(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=r".") as refused:
        value(text)
    assert says in str(refused.value)


def test_what_was_seen_tells_why_a_condition_was_false() -> None:
    seen = outcome("and(succeeded(), eq(variables['Build.SourceBranch'], 'refs/heads/dev'), true)")
    assert seen.value is False
    assert seen.told() == (
        "succeeded() is True, variables['Build.SourceBranch'] is 'refs/heads/main', "
        "eq(variables['Build.SourceBranch'], 'refs/heads/dev') is False, "
        "and(succeeded(), eq(variables['Build.SourceBranch'], 'refs/heads/dev'), true) is False"
    )


@given(st.text(st.characters(codec="utf-8"), max_size=50))
def test_every_text_can_be_a_literal(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    root = parse(quoted, GRAMMAR).root
    assert isinstance(root, Literal)
    assert root.value == text


@given(st.text(alphabet="ab.,()[]*'0129 -xnull", max_size=40))
def test_any_text_is_read_or_refused_at_a_place_within_it(text: str) -> None:
    assert 0 <= refused_at(text) <= len(text)


def refused_at(text: str) -> int:
    try:
        parse(text, GRAMMAR)
    except ExpressionError as refused:
        return refused.offset
    return 0
