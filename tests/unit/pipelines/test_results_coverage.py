"""Cobertura, as coverage.py and Coverlet write it."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.pipelines.results.errors import ResultsInvalid
from providers.pipelines.results.parse import parse_coverage
from providers.pipelines.results.values import FileCoverage

COVERAGE_PY = """<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>
<coverage version="7" line-rate="0.5"><sources><source>/w/src</source></sources><packages><package name="."><classes>
<class name="a.py" filename="pkg/a.py"><methods><method name="m"><lines><line number="1" hits="0"/></lines></method>
</methods><lines><line number="1" hits="1"/><line number="2" hits="0" branch="true" condition-coverage="50% (1/2)"/>
<line number="3" hits="7"/></lines></class><class name="b.py" filename="b.py"><methods/><lines/></class>
</classes></package></packages></coverage>"""


def found(text: str) -> list[FileCoverage]:
    return parse_coverage(BytesIO(text.encode()))


def test_lines_and_branches_are_counted_by_file_and_those_of_methods_not_again() -> None:
    whole = FileCoverage(path="pkg/a.py", lines_covered=2, lines=3, branches_covered=1, branches=2)
    assert found(COVERAGE_PY) == [whole]


def classes(*lines: str) -> str:
    made = "".join(f'<class name="c" filename="a.cs"><lines>{one}</lines></class>' for one in lines)
    return f"<coverage><packages><package><classes>{made}</classes></package></packages></coverage>"


def test_a_line_of_two_classes_is_one_line_and_covered_by_either() -> None:
    text = classes(
        '<line number="1" hits="0"/><line number="2" hits="0" condition-coverage="0% (0/4)"/>',
        '<line number="1" hits="3"/><line number="2" hits="2" condition-coverage="75.0% (3/4)"/>',
    )
    assert found(text) == [FileCoverage(path="a.cs", lines_covered=2, lines=2, branches_covered=3, branches=4)]


@pytest.mark.parametrize("line", ['number="x" hits="1"', 'number="1" hits="-1"', 'hits="1"', 'number="²" hits="1"'])
def test_a_line_without_numbers_is_a_mistake(line: str) -> None:
    with pytest.raises(ResultsInvalid, match="whole numbers pass"):
        found(classes(f"<line {line}/>"))


@given(st.dictionaries(st.integers(1, 10**6), st.integers(0, 10**9), min_size=1, max_size=30))
def test_what_is_covered_is_what_was_hit(hits: dict[int, int]) -> None:
    lines = "".join(f'<line number="{number}" hits="{count}"/>' for number, count in hits.items())
    (whole,) = found(classes(lines))
    assert (whole.lines_covered, whole.lines) == (sum(count > 0 for count in hits.values()), len(hits))
