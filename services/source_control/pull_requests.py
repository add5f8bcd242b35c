"""PullRequestService: open, review, close."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import ClassVar
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.errors import Conflict, InvalidInput, PolicyDenied, PreconditionFailed, absent
from services.events.event import record
from services.events.source_control import (
    PullRequestClosed,
    PullRequestOpened,
    PullRequestReviewed,
)
from services.names import words
from services.source_control.commits import writable
from services.source_control.reviews import Tally, Verdict, tally
from storage.access import NewEdge
from storage.ids import public_id
from storage.tables.source_control import BranchRow, PullRequestRow, RepositoryRow, ReviewRow
from storage.unit_of_work import UnitOfWork


class PullRequestStatus(StrEnum):
    """Where a pull request is in its life."""

    OPEN = "OPEN"
    MERGED = "MERGED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, kw_only=True)
class OpenPullRequest:
    """Proposes to merge one branch into another; into the default branch without a target."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    repository_id: UUID
    source_branch: str
    title: str
    target_branch: str | None = None
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class ReviewPullRequest:
    """Says something of the source as it stands at ``source_sha``."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    pull_request_id: UUID
    verdict: Verdict
    source_sha: str
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class ClosePullRequest:
    """Closes without a merge."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    pull_request_id: UUID


class PullRequestService:
    """Owns pull requests and their reviews."""

    async def open(self, uow: UnitOfWork, actor: Actor, command: OpenPullRequest) -> PullRequestRow:
        """The pull request with the repository's next number; its checks follow by themselves."""
        actor.require(command.needs)
        await writable(uow, command.repository_id)
        repository = await uow.rows.get(RepositoryRow, command.repository_id, lock=True)
        assert repository is not None
        source = await _branch(uow, repository, command.source_branch, "sourceBranch")
        target = await _branch(uow, repository, command.target_branch or repository.default_branch, "targetBranch")
        await _check_new(uow, source, target)
        row = PullRequestRow(
            tenant_id=uow.tenant_id,
            project_id=repository.project_id,
            repository_id=repository.id,
            number=repository.next_number,
            title=words(command.title, "title", most=300, least=1),
            body=words(command.body, "body", most=20_000),
            source_branch=source.name,
            target_branch=target.name,
            source_sha=source.head_sha,
            target_sha=target.head_sha,
            author_id=actor.identity_id,
            trace_id=source.trace_id,
        )
        repository.next_number += 1
        await uow.rows.add(row)
        told = PullRequestOpened(
            repository_id=repository.id,
            number=row.number,
            source_branch=row.source_branch,
            target_branch=row.target_branch,
            source_sha=row.source_sha,
        )
        of = partial(record, uow, project_id=row.project_id, module_id=repository.module_id, trace_id=row.trace_id)
        of(told, subject_id=row.id)
        await propose(uow, row, [row.source_sha])
        return row

    async def review(self, uow: UnitOfWork, actor: Actor, command: ReviewPullRequest) -> PullRequestRow:
        """The pull request; CONFLICT when its source has moved since."""
        actor.require(command.needs)
        row = await self.opened(uow, command.pull_request_id)
        if row.source_sha != command.source_sha:
            raise Conflict(f"the source is at {row.source_sha}: review it as it is now", field="sourceSha")
        if command.verdict is Verdict.APPROVE and row.author_id == actor.identity_id:
            raise PolicyDenied("nobody approves their own pull request", field="verdict")
        review = ReviewRow(
            tenant_id=uow.tenant_id,
            project_id=row.project_id,
            pull_request_id=row.id,
            reviewer_id=actor.identity_id,
            verdict=command.verdict.value,
            body=words(command.body, "body", most=20_000),
            source_sha=row.source_sha,
        )
        await uow.rows.add(review)
        event = PullRequestReviewed(reviewer_id=actor.identity_id, verdict=review.verdict, source_sha=review.source_sha)
        record(uow, event, subject_id=row.id, project_id=row.project_id, trace_id=row.trace_id)
        return row

    async def close(self, uow: UnitOfWork, actor: Actor, command: ClosePullRequest) -> PullRequestRow:
        """The closed pull request."""
        actor.require(command.needs)
        row = await self.opened(uow, command.pull_request_id)
        row.status = PullRequestStatus.CLOSED.value
        event = PullRequestClosed(number=row.number)
        record(uow, event, subject_id=row.id, project_id=row.project_id, trace_id=row.trace_id)
        return row

    async def opened(self, uow: UnitOfWork, pull_request_id: UUID) -> PullRequestRow:
        """The row, when it is open."""
        return self.unclosed(await self.known(uow, pull_request_id))

    async def known(self, uow: UnitOfWork, pull_request_id: UUID) -> PullRequestRow:
        """The row, whatever its status, locked until the commit."""
        row = await uow.rows.get(PullRequestRow, pull_request_id, lock=True)
        if row is None:
            raise absent("pull request", public_id("PullRequest", pull_request_id), field="pullRequestId")
        return row

    def unclosed(self, row: PullRequestRow) -> PullRequestRow:
        """The row, when it is open."""
        if row.status != PullRequestStatus.OPEN:
            raise PreconditionFailed(
                f"the pull request is {row.status}: only an OPEN one changes",
                field="pullRequestId",
                help="openPullRequest for what is new",
            )
        return row


async def reviewed(uow: UnitOfWork, row: PullRequestRow, required: int) -> Tally:
    """What the reviews of its source add up to now."""
    reviews = await uow.source_control.reviews_of(row.id)
    return tally(reviews, author=row.author_id, source_sha=row.source_sha, required=required)


async def propose(uow: UnitOfWork, row: PullRequestRow, shas: Sequence[str]) -> None:
    """Links recorded commits to the pull request; an event must be told in the same unit of work."""
    for commit in (await uow.source_control.commits_by_sha(row.repository_id, shas)).values():
        ends = (("Commit", commit.id), ("PullRequest", row.id))
        uow.link(NewEdge(kind="PROPOSED_IN", upstream=ends[0], downstream=ends[1], project_id=row.project_id))


async def _check_new(uow: UnitOfWork, source: BranchRow, target: BranchRow) -> None:
    if source.id == target.id:
        raise InvalidInput("source and target are the same branch", field="targetBranch")
    if source.head_sha == target.head_sha:
        raise PreconditionFailed(
            f"branch {source.name!r} has nothing that {target.name!r} lacks",
            field="sourceBranch",
            help="createCommit on the source branch",
        )
    for other in await uow.source_control.open_pull_requests_of(source.repository_id, source.name):
        if (other.source_branch, other.target_branch) == (source.name, target.name):
            raise Conflict(f"pull request {other.number} is open for these branches", field="sourceBranch")


async def _branch(uow: UnitOfWork, repository: RepositoryRow, name: str, field: str) -> BranchRow:
    row = await uow.rows.find_locked(BranchRow, repository_id=repository.id, name=name)
    if row is None:
        raise absent("branch", name, field=field)
    return row
