"""Which tests are flaky, told by how they went of late; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final

from providers.pipelines.results.values import Outcome

REMEMBERED: Final = 20
FLIPS: Final = 3
_LETTERS: Final = {Outcome.PASSED: "P", Outcome.FAILED: "F"}


@dataclass(frozen=True, slots=True)
class Went:
    """How a test went at a commit of a branch; branches are told apart by a part of their hash."""

    passed: bool
    branch: str
    sha: str

    @classmethod
    def of(cls, text: str) -> "Went":
        """As it is remembered."""
        return cls(text[0] == "P", text[1:9], text[9:])


def remembered(recent: Sequence[str], outcome: Outcome, branch: str, sha: str) -> list[str]:
    """With one more; what was skipped says nothing."""
    if outcome not in _LETTERS:
        return list(recent)
    went = f"{_LETTERS[outcome]}{sha256(branch.encode()).hexdigest()[:8]}{sha[:12]}"
    return [*recent, went][-REMEMBERED:]


def flaky_because(recent: Sequence[str]) -> str | None:
    """Why it is flaky: both ways at one commit, or turning again and again over the commits of one branch."""
    told = [Went.of(text) for text in recent]
    ways: dict[str, set[bool]] = {}
    for went in told:
        ways.setdefault(went.sha, set()).add(went.passed)
    for sha in reversed(ways):
        if len(ways[sha]) > 1:
            return f"it passed and failed at commit {sha}"
    for branch in dict.fromkeys(went.branch for went in told):
        of_branch = [went for went in told if went.branch == branch]
        flips = sum(one.passed is not other.passed for one, other in pairwise(of_branch))
        if flips >= FLIPS:
            return f"it turned {flips} times over the last {len(of_branch)} runs of a branch"
    return None
