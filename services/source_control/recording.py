"""What a ref move leaves in the rows: branches, commits, merged pull requests, their events and edges."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from providers.git.values import CommitInfo
from services.events.event import record
from services.events.source_control import (
    BranchCreated,
    BranchDeleted,
    BranchUpdated,
    CommitCreated,
    PullRequestMerged,
)
from services.source_control.ref_moves import CREATE_COMMIT, MERGE, Arrival, idempotency_of
from services.source_control.repositories import commit_row, plan_maintenance
from storage.access import NewEdge
from storage.tables.scoped import TenantScoped
from storage.tables.source_control import BranchRow, CommitRow, PullRequestRow, RefIntentRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class Stood:
    """The rows as they stood before the move; read in one go, so that the writes flush together.

    Of the open pull requests those that the move merges are left out: nothing is to be checked of them any more.
    The branch is locked before its open pull requests are counted: one that is opened meanwhile waits for the lock,
    finds the branch moved, and sends an event of its own.
    """

    branch: BranchRow | None
    commits: dict[str, CommitRow]
    pull_requests: list[PullRequestRow]
    open_pull_requests: int


async def settle(uow: UnitOfWork, intent: RefIntentRow, repository: RepositoryRow, arrival: Arrival) -> TenantScoped:
    """Deletes the intent and records what Git holds: the commit, branch, pull request, or the repository without it.

    An intent that is gone was settled by adoption, which may have looked before the ref moved: what it has recorded is
    not told again, what it could not see is recorded now.
    """
    await plan_maintenance(uow, repository)
    is_first = await uow.source_control.close_intent(intent.id)
    stood = await _stood(uow, intent, arrival)
    branch = stood.branch
    if is_first or branch is None or branch.head_sha == intent.old_sha:
        branch = await _record_branch(uow, intent, repository, stood)
    commits = stood.commits | {
        info.sha: _record_commit(uow, intent, repository, info)
        for info in arrival.commits
        if info.sha not in stood.commits
    }
    tip = commits.get(intent.new_sha or "")
    for row in stood.pull_requests:
        _record_merge(uow, intent, row, tip)
    node = _node(intent, stood, tip) or branch or repository
    key = idempotency_of(intent.content)
    if key is not None and await uow.operations.outcome(key.identity_id, key.key) is None:
        uow.remember(key, node.type_name, node.id)
    return node


def _node(intent: RefIntentRow, stood: Stood, tip: CommitRow | None) -> TenantScoped | None:
    if intent.kind == MERGE and stood.pull_requests:
        return stood.pull_requests[0]
    return tip if intent.kind == CREATE_COMMIT else None


async def _stood(uow: UnitOfWork, intent: RefIntentRow, arrival: Arrival) -> Stood:
    shas = [info.sha for info in arrival.commits]
    if arrival.merges and intent.new_sha is not None:
        shas.append(intent.new_sha)
    merged = set(arrival.merges)
    if intent.content["pullRequestId"] is not None:
        merged.add(UUID(hex=intent.content["pullRequestId"]))
    found = [await uow.rows.get(PullRequestRow, row_id, lock=True) for row_id in sorted(merged)]
    pull_requests = [row for row in found if row is not None]
    ending = sum(row.status == "OPEN" for row in pull_requests) if intent.new_sha is not None else 0
    branch = await uow.rows.find_locked(BranchRow, repository_id=intent.repository_id, name=intent.branch)
    concerned = await uow.source_control.open_pull_request_count(intent.repository_id, intent.branch)
    return Stood(
        branch=branch,
        commits=await uow.source_control.commits_by_sha(intent.repository_id, shas) if shas else {},
        pull_requests=pull_requests,
        open_pull_requests=concerned - ending,
    )


async def _record_branch(
    uow: UnitOfWork, intent: RefIntentRow, repository: RepositoryRow, stood: Stood
) -> BranchRow | None:
    row = stood.branch
    tell = partial(record, uow, project_id=repository.project_id, module_id=repository.module_id)
    if intent.new_sha is None:
        if row is not None:
            await uow.rows.delete(row)
            gone = BranchDeleted(repository_id=repository.id, name=row.name, head_sha=row.head_sha)
            tell(gone, subject_id=row.id)
        return None
    if row is None:
        row = BranchRow(
            tenant_id=uow.tenant_id,
            project_id=repository.project_id,
            repository_id=repository.id,
            name=intent.branch,
            head_sha=intent.new_sha,
            from_commit_sha=intent.new_sha,
            trace_id=uow.cause.trace_id,
        )
        uow.rows.put(row)
        tell(BranchCreated(repository_id=repository.id, name=row.name, head_sha=row.head_sha), subject_id=row.id)
        return row
    old, row.head_sha, row.trace_id = row.head_sha, intent.new_sha, uow.cause.trace_id
    moved = BranchUpdated(
        repository_id=repository.id,
        name=row.name,
        old_sha=old,
        head_sha=row.head_sha,
        open_pull_requests=stood.open_pull_requests,
        forced=intent.content.get("forced", False),
    )
    tell(moved, subject_id=row.id)
    return row


def _record_commit(uow: UnitOfWork, intent: RefIntentRow, repository: RepositoryRow, info: CommitInfo) -> CommitRow:
    told = intent.content["artifactId"]
    artifact = None if told is None else UUID(hex=told)
    trace = uow.cause.trace_id
    row = commit_row(repository, info, branch=intent.branch, trace_id=trace, artifact_id=artifact)
    uow.rows.put(row)
    event = CommitCreated(repository_id=repository.id, branch=intent.branch, sha=info.sha, artifact_id=artifact)
    record(uow, event, subject_id=row.id, project_id=repository.project_id, module_id=repository.module_id)
    if artifact is not None:
        ends = {"upstream": ("Artifact", artifact), "downstream": ("Commit", row.id)}
        uow.link(NewEdge(kind="COMMITTED_AS", project_id=repository.project_id, **ends))
    return row


def _record_merge(uow: UnitOfWork, intent: RefIntentRow, row: PullRequestRow, tip: CommitRow | None) -> None:
    if row.status != "OPEN" or intent.new_sha is None:
        return
    content = intent.content
    method = content["method"] or intent.kind
    row.status, row.merge_sha, row.merge_method = "MERGED", intent.new_sha, method
    row.merged_by = UUID(hex=content["actorId"])
    event = PullRequestMerged(merge_sha=intent.new_sha, method=method)
    record(uow, event, subject_id=row.id, project_id=row.project_id)
    if tip is not None:
        ends = {"upstream": ("PullRequest", row.id), "downstream": ("Commit", tip.id)}
        uow.link(NewEdge(kind="MERGED_AS", project_id=row.project_id, **ends))
