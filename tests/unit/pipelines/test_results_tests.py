"""Result files of each format, as their tools write them."""

from io import BytesIO
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.pipelines.results.errors import ResultsInvalid
from providers.pipelines.results.parse import parse_tests
from providers.pipelines.results.values import MESSAGE, STACK, CaseResult, Outcome, TestFormat

JUNIT = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" tests="4">
<testcase classname="tests.test_a" name="test_good" time="0.012" />
<testcase classname="tests.test_a" name="test_bad[1]" time="1,234.5"><failure message="assert 1 == 2">def test_bad():
&gt;   assert 1 == 2</failure></testcase>
<testcase classname="tests.test_a" name="test_setup" time="0"><error message="no database">trace</error></testcase>
<testcase name="test_later"><skipped type="pytest.skip" message="not here">tests/test_a.py:9</skipped>
<properties><property name="x"><failure message="not the case's own"/></property></properties></testcase>
</testsuite></testsuites>"""

NUNIT = """<test-run id="2" testcasecount="3"><test-suite type="Assembly" name="Mine.dll"><test-suite>
<test-case name="Adds(1,2.5)" fullname="Mine.SumTests.Adds(1,2.5)" classname="Mine.SumTests" result="Passed"
 duration="0.042"/>
<test-case name="Fails" classname="Mine.SumTests" result="Failed" duration="0.001"><failure>
<message><![CDATA[Expected: 1]]></message><stack-trace><![CDATA[at Mine.SumTests.Fails()]]></stack-trace></failure>
</test-case><test-case name="Waits" classname="Mine.SumTests" result="Skipped"><reason><message>no network</message>
</reason></test-case></test-suite></test-suite></test-run>"""

NUNIT_2 = """<test-results name="Mine.dll"><test-suite><results>
<test-case name="Mine.SumTests.Adds(1.5)" executed="True" result="Success" success="True" time="0.014"/>
<test-case name="Mine.SumTests.Fails" executed="True" result="Error"><failure><message>m</message>
<stack-trace>s</stack-trace></failure></test-case>
<test-case name="Waits" executed="False" result="Ignored"/></results></test-suite></test-results>"""

XUNIT = """<assemblies><assembly name="Mine.dll"><collection name="c">
<test name="Mine.SumTests.Adds(a: 1)" type="Mine.SumTests" method="Adds" time="0.0231" result="Pass"/>
<test name="Mine.SumTests.Fails" type="Mine.SumTests" method="Fails" time="0.5" result="Fail">
<failure exception-type="Xunit.Sdk.EqualException"><message>Assert.Equal() Failure</message>
<stack-trace>at Mine.SumTests.Fails()</stack-trace></failure></test>
<test name="Shown otherwise" type="Mine.SumTests" method="Waits" time="0" result="Skip"><reason>no network</reason>
</test></collection></assembly></assemblies>"""

TRX = """<TestRun id="1" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
<UnitTestResult testId="t1" testName="Adds (1)" outcome="Passed" duration="00:00:01.2340000"/>
<UnitTestResult testId="t2" testName="Mine.SumTests.Fails" outcome="Failed" duration="1.00:00:00"><Output><ErrorInfo>
<Message>Assert.AreEqual failed.</Message><StackTrace>at Mine.SumTests.Fails()</StackTrace></ErrorInfo></Output>
</UnitTestResult><UnitTestResult testId="t3" testName="Waits" outcome="NotExecuted"/></Results><TestDefinitions>
<UnitTest id="t1"><TestMethod className="Mine.SumTests, Mine, Version=1.0.0.0" name="Adds"/></UnitTest>
<UnitTest id="t2"><TestMethod className="Mine.SumTests" name="Fails"/></UnitTest></TestDefinitions></TestRun>"""


def parsed(written: TestFormat, text: str) -> list[CaseResult]:
    return parse_tests(written, BytesIO(text.encode()))


def one(suite: str, name: str, outcome: Outcome, ms: int | None = None, *told: str | None) -> CaseResult:
    message, stack = (*told, None, None)[:2]
    return CaseResult(suite=suite, name=name, outcome=outcome, duration_ms=ms, message=message, stack=stack)


def test_junit_tells_failures_errors_and_skips_of_a_case_and_no_others() -> None:
    trace = "def test_bad():\n>   assert 1 == 2"
    assert parsed(TestFormat.JUNIT, JUNIT) == [
        one("tests.test_a", "test_good", Outcome.PASSED, 12),
        one("tests.test_a", "test_bad[1]", Outcome.FAILED, 1_234_500, "assert 1 == 2", trace),
        one("tests.test_a", "test_setup", Outcome.FAILED, 0, "no database", "trace"),
        one("pytest", "test_later", Outcome.SKIPPED, None, "not here", "tests/test_a.py:9"),
    ]


def test_a_junit_case_that_is_skipped_and_fails_in_its_end_has_failed() -> None:
    both = '<testcase name="t"><skipped message="a">b</skipped><error message="c">d</error></testcase>'
    assert parsed(TestFormat.JUNIT, f"<testsuite>{both}</testsuite>") == [one("", "t", Outcome.FAILED, None, "c", "d")]


def test_nunit_3_tells_classes_and_reasons() -> None:
    assert parsed(TestFormat.NUNIT, NUNIT) == [
        one("Mine.SumTests", "Adds(1,2.5)", Outcome.PASSED, 42),
        one("Mine.SumTests", "Fails", Outcome.FAILED, 1, "Expected: 1", "at Mine.SumTests.Fails()"),
        one("Mine.SumTests", "Waits", Outcome.SKIPPED, None, "no network"),
    ]


def test_nunit_2_has_its_class_in_the_name() -> None:
    assert parsed(TestFormat.NUNIT, NUNIT_2) == [
        one("Mine.SumTests", "Adds(1.5)", Outcome.PASSED, 14),
        one("Mine.SumTests", "Fails", Outcome.FAILED, None, "m", "s"),
        one("", "Waits", Outcome.SKIPPED),
    ]


def test_xunit_names_are_shown_without_their_type() -> None:
    assert parsed(TestFormat.XUNIT, XUNIT) == [
        one("Mine.SumTests", "Adds(a: 1)", Outcome.PASSED, 23),
        one("Mine.SumTests", "Fails", Outcome.FAILED, 500, "Assert.Equal() Failure", "at Mine.SumTests.Fails()"),
        one("Mine.SumTests", "Shown otherwise", Outcome.SKIPPED, 0, "no network"),
    ]


def test_trx_joins_results_with_the_classes_that_are_told_later() -> None:
    assert parsed(TestFormat.TRX, TRX) == [
        one("Mine.SumTests", "Adds (1)", Outcome.PASSED, 1_234),
        one(
            "Mine.SumTests", "Fails", Outcome.FAILED, 86_400_000, "Assert.AreEqual failed.", "at Mine.SumTests.Fails()"
        ),
        one("", "Waits", Outcome.SKIPPED),
    ]


@pytest.mark.parametrize("written", TestFormat)
def test_a_file_of_another_format_says_how_its_own_begins(written: TestFormat) -> None:
    with pytest.raises(ResultsInvalid, match=r"begins with .*, not with 'coverage'"):
        parsed(written, "<coverage/>")


def test_messages_and_stacks_are_cut() -> None:
    said = f'<failure message="{"m" * 9_000}">{"s" * 90_000}</failure>'
    (case,) = parsed(TestFormat.JUNIT, f'<testsuite><testcase name="t">{said}</testcase></testsuite>')
    assert (case.message, case.stack) == ("m" * (MESSAGE - 1) + "…", "s" * (STACK - 1) + "…")


TEXTS = st.text(st.characters(exclude_categories=["C"], exclude_characters="\u2028\u2029"), min_size=1, max_size=30)


@given(st.lists(st.tuples(TEXTS, TEXTS, st.sampled_from(Outcome), st.integers(0, 10**7), TEXTS), max_size=8))
def test_whatever_is_written_as_junit_is_read_as_it_was(
    cases: list[tuple[str, str, Outcome, int, str]],
) -> None:
    says = {Outcome.PASSED: "system-out", Outcome.FAILED: "failure", Outcome.SKIPPED: "skipped"}
    body = "".join(
        f"<testcase classname={quoteattr(suite)} name={quoteattr(name)} time='{ms / 1000:.3f}'>"
        f"<{says[outcome]} message={quoteattr(message)}/></testcase>"
        for suite, name, outcome, ms, message in cases
    )
    found = parsed(TestFormat.JUNIT, f"<testsuite name='outer'>{body}</testsuite>")
    expected = [
        one(
            suite.strip(),
            name.strip() or "(no name)",
            outcome,
            ms,
            None if outcome is Outcome.PASSED else message.strip() or None,
        )
        for suite, name, outcome, ms, message in cases
    ]
    assert found == expected
