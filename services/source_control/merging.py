"""MergePullRequest: at the reviewed sha or not at all."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from providers.git.errors import MergeConflict, NotFastForward
from providers.git.values import MergeMethod, Signature
from services.actor import Actor, Needs, Scope
from services.errors import Conflict, PreconditionFailed, absent
from services.names import words
from services.source_control.commits import writable
from services.source_control.git import Git, key_of, told
from services.source_control.protection import required_reviews
from services.source_control.pull_requests import PullRequestService, PullRequestStatus, reviewed
from services.source_control.ref_moves import MERGE, RefMove
from storage.tables.scoped import now
from storage.tables.source_control import BranchRow, PullRequestRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class MergePullRequest:
    """Merges, when the source is still what was reviewed."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    pull_request_id: UUID
    expected_source_sha: str
    method: MergeMethod = MergeMethod.MERGE
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class MergeSight:
    """What may be merged, as the rows say."""

    repository: RepositoryRow
    pull_request: PullRequestRow
    target: BranchRow


class MergeService:
    """Decides whether a pull request merges, and writes the merge."""

    def __init__(self, git: Git, pull_requests: PullRequestService) -> None:
        self._git = git
        self._pull_requests = pull_requests

    async def claims(self, uow: UnitOfWork, command: MergePullRequest) -> tuple[UUID, tuple[str, ...]]:
        """Target and source: the source stays what was reviewed until the target has it."""
        row = await self._pull_requests.known(uow, command.pull_request_id)
        return row.repository_id, (row.target_branch, row.source_branch)

    async def authorise(self, uow: UnitOfWork, actor: Actor, command: MergePullRequest) -> MergeSight:
        """Open, reviewed enough, and nothing moved."""
        actor.require(command.needs)
        if command.message is not None:
            words(command.message, "message", most=10_000, least=1)
        row = await self._pull_requests.known(uow, command.pull_request_id)
        if row.status == PullRequestStatus.MERGED:
            raise Conflict("the pull request was merged by another command: refetch it", field="pullRequestId")
        row = self._pull_requests.unclosed(row)
        repository = await writable(uow, row.repository_id, "pullRequestId")
        source = await uow.rows.find(BranchRow, repository_id=row.repository_id, name=row.source_branch)
        target = await uow.rows.find(BranchRow, repository_id=row.repository_id, name=row.target_branch)
        if source is None or target is None:
            gone = row.source_branch if source is None else row.target_branch
            raise absent("branch", gone, field="pullRequestId")
        if command.expected_source_sha != source.head_sha or row.source_sha != source.head_sha:
            raise Conflict(f"the source is at {source.head_sha}: review it as it is now", field="expectedSourceSha")
        reviews = await reviewed(uow, row, required_reviews(repository, target))
        if not reviews.passed:
            raise PreconditionFailed(
                f"the pull request has {reviews.summary}",
                field="pullRequestId",
                help="reviewPullRequest with verdict: APPROVE",
            )
        return MergeSight(repository=repository, pull_request=row, target=target)

    async def write(self, actor: Actor, command: MergePullRequest, sight: MergeSight) -> RefMove:
        """The merge's objects, onto where the target stands in Git."""
        key, row = key_of(sight.repository), sight.pull_request
        who = Signature(name=actor.name, email=actor.email, when=now().replace(microsecond=0))
        message = command.message if command.message is not None else f"Merge pull request #{row.number}: {row.title}\n"
        with told():
            head = await self._git.head(key, row.target_branch)
            try:
                made = await self._git.write_merge(
                    key,
                    target=head or sight.target.head_sha,
                    source=row.source_sha,
                    method=command.method,
                    author=who,
                    committer=who,
                    message=message,
                )
            except (MergeConflict, NotFastForward) as error:
                raise PreconditionFailed(
                    str(error), field="pullRequestId", help="createCommit on the source branch"
                ) from error
        return RefMove(
            kind=MERGE,
            repository=sight.repository,
            branch=row.target_branch,
            old_sha=head,
            new_sha=made.sha,
            commits=(made,),
            pull_request=row,
            method=command.method.value,
        )
