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
from services.source_control.repositories import commit_row
from storage.access import NewEdge
from storage.tables.scoped import TenantScoped
from storage.tables.source_control import BranchRow, CommitRow, PullRequestRow, RefIntentRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class Stood:
    """The rows as they stood before the move; read in one go, so that the writes flush together."""

    branch: BranchRow | None
    commits: dict[str, CommitRow]
    pull_request: PullRequestRow | None


async def settle(uow: UnitOfWork, intent: RefIntentRow, repository: RepositoryRow, arrival: Arrival) -> TenantScoped:
    """Deletes the intent and records what Git holds: the commit, branch, pull request, or the repository without it.

    An intent that is gone was settled by adoption, which may have looked before the ref moved: what it has recorded is
    not told again, what it could not see is recorded now.
    """
    is_first = await uow.source_control.close_intent(intent.id)
    stood = await _stood(uow, intent, arrival)
    node: TenantScoped | None = stood.branch
    if is_first or stood.branch is None or stood.branch.head_sha == intent.old_sha:
        node = await _record_branch(uow, intent, repository, stood.branch)
    if intent.kind in {CREATE_COMMIT, MERGE}:
        for info in arrival.commits:
            node = stood.commits.get(info.sha) or _record_commit(uow, intent, repository, info)
    if stood.pull_request is not None and isinstance(node, CommitRow):
        node = _record_merge(uow, intent, stood.pull_request, node)
    node = node or repository
    key = idempotency_of(intent.content)
    if key is not None and await uow.operations.outcome(key.identity_id, key.key) is None:
        uow.remember(key, node.type_name, node.id)
    return node


async def _stood(uow: UnitOfWork, intent: RefIntentRow, arrival: Arrival) -> Stood:
    repository_id, pull_request_id = intent.repository_id, intent.content["pullRequestId"]
    shas = [info.sha for info in arrival.commits]
    merging = intent.kind == MERGE and pull_request_id is not None
    return Stood(
        branch=await uow.rows.find(BranchRow, repository_id=repository_id, name=intent.branch),
        commits=await uow.source_control.commits_by_sha(repository_id, shas) if shas else {},
        pull_request=await uow.rows.get(PullRequestRow, UUID(hex=pull_request_id), lock=True) if merging else None,
    )


async def _record_branch(
    uow: UnitOfWork, intent: RefIntentRow, repository: RepositoryRow, row: BranchRow | None
) -> BranchRow | None:
    tell = partial(record, uow, project_id=repository.project_id, module_id=repository.module_id)
    if intent.new_sha is None:
        if row is not None:
            await uow.rows.delete(row)
            tell(BranchDeleted(name=row.name, head_sha=row.head_sha), subject_id=row.id)
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
    moved = BranchUpdated(repository_id=repository.id, name=row.name, old_sha=old, head_sha=row.head_sha)
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


def _record_merge(uow: UnitOfWork, intent: RefIntentRow, row: PullRequestRow, commit: CommitRow) -> PullRequestRow:
    if row.status == "MERGED":
        return row
    content = intent.content
    row.status, row.merge_sha, row.merge_method = "MERGED", commit.sha, content["method"]
    row.merged_by = UUID(hex=content["actorId"])
    event = PullRequestMerged(merge_sha=commit.sha, method=content["method"])
    record(uow, event, subject_id=row.id, project_id=row.project_id)
    ends = (("PullRequest", row.id), ("Commit", commit.id))
    uow.link(NewEdge(kind="MERGED_AS", upstream=ends[0], downstream=ends[1], project_id=row.project_id))
    return row
