"""What reviews add up to; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from storage.tables.source_control import ReviewRow


class Verdict(StrEnum):
    """What a reviewer says of one source sha."""

    APPROVE = "APPROVE"
    REQUEST_CHANGES = "REQUEST_CHANGES"
    COMMENT = "COMMENT"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The approvals that count, and who asked for changes."""

    approvals: int
    required: int
    objectors: tuple[UUID, ...]

    @property
    def objections(self) -> int:
        """How many ask for changes."""
        return len(self.objectors)

    @property
    def passed(self) -> bool:
        """Enough approvals and nobody who asks for changes."""
        return self.approvals >= self.required and not self.objections

    @property
    def summary(self) -> str:
        """For people."""
        asked = f", {self.objections} asking for changes" if self.objections else ""
        return f"{self.approvals} of {self.required} approvals{asked}"


def tally(reviews: Sequence[ReviewRow], *, author: UUID, source_sha: str, required: int) -> Tally:
    """Of each reviewer but the author the last verdict on this sha that is no comment."""
    last: dict[UUID, str] = {}
    for review in reviews:
        if review.verdict != Verdict.COMMENT and review.reviewer_id != author and review.source_sha == source_sha:
            last[review.reviewer_id] = review.verdict
    verdicts = list(last.values())
    return Tally(
        approvals=verdicts.count(Verdict.APPROVE),
        required=required,
        objectors=tuple(who for who, verdict in last.items() if verdict == Verdict.REQUEST_CHANGES),
    )
