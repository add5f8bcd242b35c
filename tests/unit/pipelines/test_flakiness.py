"""Which tests are called flaky, by how they went."""

from hypothesis import given
from hypothesis import strategies as st

from providers.pipelines.results.values import CaseResult, Outcome
from services.pipelines.flakiness import REMEMBERED, flaky_because, remembered
from services.pipelines.results import Ingested

GOOD, BAD = Outcome.PASSED, Outcome.FAILED


def recent(*went: tuple[Outcome, str, str]) -> list[str]:
    told: list[str] = []
    for outcome, branch, sha in went:
        told = remembered(told, outcome, branch, sha * 40)
    return told


def test_both_ways_at_one_commit_is_flaky_whatever_the_branch() -> None:
    assert (
        flaky_because(recent((GOOD, "main", "a"), (BAD, "work", "a"))) == "it passed and failed at commit aaaaaaaaaaaa"
    )


def test_a_test_that_breaks_and_is_mended_is_not_flaky() -> None:
    assert flaky_because(recent((GOOD, "m", "a"), (BAD, "m", "b"), (BAD, "m", "c"), (GOOD, "m", "d"))) is None


def test_turning_three_times_on_one_branch_is_flaky() -> None:
    went = recent(*((GOOD if sha in "ac" else BAD, "main", sha) for sha in "abcd"))
    assert flaky_because(went) == "it turned 3 times over the last 4 runs of a branch"


def test_branches_that_differ_are_not_flaky() -> None:
    assert (
        flaky_because(recent(*((GOOD, "main", sha) if sha in "ace" else (BAD, "work", sha) for sha in "abcdef")))
        is None
    )


def test_what_is_skipped_says_nothing() -> None:
    assert recent((Outcome.SKIPPED, "main", "a")) == []


def test_what_is_old_is_forgotten() -> None:
    assert flaky_because(recent((BAD, "main", "a"), *((GOOD, "main", "a"),) * REMEMBERED)) is None


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.sampled_from("mw"), st.sampled_from("abcdef")), max_size=60))
def test_only_so_much_is_remembered_and_one_way_is_never_flaky(went: list[tuple[Outcome, str, str]]) -> None:
    told = recent(*went)
    assert len(told) <= REMEMBERED
    if len({text[0] for text in told}) < 2:
        assert flaky_because(told) is None


def test_a_test_that_ran_twice_in_a_build_is_one_and_failed_when_either_did() -> None:
    cases = [CaseResult(suite="s", name=name, outcome=outcome) for name, outcome in
             (("a", GOOD), ("b", Outcome.SKIPPED), ("a", BAD), ("c", GOOD), ("b", GOOD))]  # fmt: skip
    tests = Ingested(cases=cases).tests()
    assert [(test.results[0].name, test.first, test.outcome) for test in tests] == [
        ("a", 1, BAD), ("b", 3, GOOD), ("c", 5, GOOD),
    ]  # fmt: skip
