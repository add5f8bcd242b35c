"""What the automatic checks say of a pull request: whether it merges, and whether enough people approve."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from providers.git.values import CommitInfo, MergePreview
from services.events.event import record
from services.events.source_control import PullRequestChecksCompleted, PullRequestUpdated
from services.source_control.protection import required_reviews
from services.source_control.pull_requests import PullRequestStatus, propose, reviewed
from services.source_control.unrecorded import recorded
from storage.tables.source_control import BranchRow, CheckRow, PullRequestRow, RepositoryRow
from storage.unit_of_work import UnitOfWork

MOST_PROPOSED = 1_000


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What Git said of one source and target; ``preview`` is None when one of the two branches is gone."""

    pull_request_id: UUID
    source_sha: str | None
    target_sha: str | None
    preview: MergePreview | None = None
    proposed: Sequence[str] = ()
    unrecorded: Sequence[CommitInfo] = ()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A pull request's repository and branches, as the rows say."""

    repository: RepositoryRow
    source: BranchRow | None
    target: BranchRow | None

    @property
    def missing(self) -> str | None:
        """Which branch is gone, for people."""
        return None if self.source and self.target else ("source" if self.source is None else "target")


async def standing(uow: UnitOfWork, row: PullRequestRow) -> Standing | None:
    """Where a pull request stands now."""
    repository = await uow.rows.get(RepositoryRow, row.repository_id)
    if repository is None:
        return None
    source = await uow.rows.find(BranchRow, repository_id=repository.id, name=row.source_branch)
    target = await uow.rows.find(BranchRow, repository_id=repository.id, name=row.target_branch)
    return Standing(repository=repository, source=source, target=target)


async def checked(uow: UnitOfWork, seen: Checked) -> None:
    """Records what the checks say; an unchanged answer is not told again.

    What was seen of branches that have moved since is dropped: the move's own delivery sees them as they are.
    """
    row = await uow.rows.get(PullRequestRow, seen.pull_request_id, lock=True)
    if row is None or row.status != PullRequestStatus.OPEN:
        return
    now = await standing(uow, row)
    if now is None or (_head(now.source), _head(now.target)) != (seen.source_sha, seen.target_sha):
        return
    of = partial(record, uow, subject_id=row.id, project_id=row.project_id, trace_id=row.trace_id)
    before = (row.checks_status, row.source_sha, row.target_sha, row.mergeability)
    if seen.source_sha is not None and row.source_sha != seen.source_sha:
        await _move(uow, row, seen.source_sha)
        of(PullRequestUpdated(source_sha=row.source_sha))
    is_new = before[0] in {"PENDING", "ERROR"} or before[1] != row.source_sha
    passed = await _record(uow, row, now, seen)
    row.checks_status = "PASSED" if passed else "FAILED"
    if before != (row.checks_status, row.source_sha, row.target_sha, row.mergeability):
        told = PullRequestChecksCompleted(
            status=row.checks_status, source_sha=row.source_sha, target_sha=row.target_sha
        )
        of(told)
        if is_new:
            await recorded(uow, now.repository, row.source_branch, seen.unrecorded)
            await propose(uow, row, seen.proposed)


async def not_checked(uow: UnitOfWork, row: PullRequestRow) -> None:
    """The checks could not run at all: what they said before is no longer known to hold."""
    if row.status != PullRequestStatus.OPEN or row.checks_status == "ERROR":
        return
    row.checks_status = "ERROR"
    told = PullRequestChecksCompleted(status="ERROR", source_sha=row.source_sha, target_sha=row.target_sha)
    record(uow, told, subject_id=row.id, project_id=row.project_id, trace_id=row.trace_id)


async def held(uow: UnitOfWork, row: PullRequestRow) -> None:
    """A merge passed the same gates, so its checks say so, even where the look that they wait for came too late."""
    row.checks_status = "PASSED"
    for check in await uow.rows.by_keys(CheckRow, ("pull_request_id",), [(row.id,)]):
        if check.status != "PASSED":
            check.status, check.summary = "PASSED", "held when it was merged"


async def _move(uow: UnitOfWork, row: PullRequestRow, sha: str) -> None:
    row.source_sha = sha
    for review in await uow.source_control.reviews_of(row.id):
        review.is_stale = True


async def _record(uow: UnitOfWork, row: PullRequestRow, now: Standing, seen: Checked) -> bool:
    preview = seen.preview
    if preview is None or now.target is None or seen.target_sha is None:
        row.mergeability, row.conflicts = "UNKNOWN", []
        gone = row.source_branch if now.missing == "source" else row.target_branch
        await _check(uow, row, "mergeability", False, f"the {now.missing} branch {gone!r} is deleted")
        return False
    row.target_sha, row.conflicts = seen.target_sha, list(preview.conflicts)
    row.mergeability = "MERGEABLE" if preview.mergeable else "CONFLICTING"
    conflicts = f"conflicts in {', '.join(row.conflicts[:10])}" if row.conflicts else "merges cleanly"
    await _check(uow, row, "mergeability", preview.mergeable, conflicts)
    reviews = await reviewed(uow, row, required_reviews(now.repository, now.target))
    await _check(uow, row, "reviews", reviews.passed, reviews.summary)
    return preview.mergeable and reviews.passed


async def _check(uow: UnitOfWork, row: PullRequestRow, name: str, passed: bool, summary: str) -> None:
    found = await uow.rows.find(CheckRow, pull_request_id=row.id, name=name)
    if found is None:
        found = CheckRow(
            tenant_id=row.tenant_id, project_id=row.project_id, pull_request_id=row.id, name=name,
            status="", summary="", source_sha=row.source_sha, target_sha=row.target_sha,
        )  # fmt: skip
        uow.rows.put(found)
    found.status, found.summary = "PASSED" if passed else "FAILED", summary
    found.source_sha, found.target_sha = row.source_sha, row.target_sha


def _head(branch: BranchRow | None) -> str | None:
    return None if branch is None else branch.head_sha
