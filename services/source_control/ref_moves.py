"""How a branch moves: intended in one transaction, swapped in Git, recorded in a second one that deletes the intent.

Git is the truth: whatever stops between the swap and the record, the intent is finished later from what Git says.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from providers.git.values import CommitInfo
from services.errors import Conflict
from services.events.event import record
from services.events.source_control import BranchCreated, BranchUpdated, CommitCreated, PullRequestMerged
from services.source_control.git import Git, key_of
from services.source_control.repositories import commit_row
from storage.access import Cause, IdempotencyKey, NewEdge
from storage.ids import new_id
from storage.tables.platform import ArtifactRow
from storage.tables.scoped import TenantScoped
from storage.tables.source_control import BranchRow, CommitRow, PullRequestRow, RefIntentRow, RepositoryRow
from storage.unit_of_work import UnitOfWork

CREATE_BRANCH, CREATE_COMMIT, MERGE = "CREATE_BRANCH", "CREATE_COMMIT", "MERGE"


@dataclass(frozen=True, kw_only=True)
class RefMove:
    """A move that was authorised and whose objects are written; no ref names them yet."""

    kind: str
    repository: RepositoryRow
    branch: str
    old_sha: str | None
    new_sha: str
    artifact: ArtifactRow | None = None
    pull_request: PullRequestRow | None = None
    method: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace of the artifact or pull request, when there is one: what follows inherits it."""
        origin = self.artifact or self.pull_request
        return None if origin is None else origin.trace_id


class RefMoves:
    """Intends, swaps and records; every step may be repeated."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def intend(self, uow: UnitOfWork, move: RefMove, key: IdempotencyKey | None) -> RefIntentRow:
        """The intent's row; a branch with an open intent is a UniqueViolation at the commit."""
        row = RefIntentRow(
            tenant_id=uow.tenant_id,
            id=new_id(),
            repository_id=move.repository.id,
            branch=move.branch,
            kind=move.kind,
            old_sha=move.old_sha,
            new_sha=move.new_sha,
            owner="",
            content=_content(uow.cause, move, key),
        )
        uow.rows.put(row)
        return row

    async def swap(self, intent: RefIntentRow) -> None:
        """Moves the ref, if it is still where it was."""
        key = key_of(intent)
        await self._git.swap(key, intent.branch, old=intent.old_sha, new=intent.new_sha)

    async def observe(self, intent: RefIntentRow) -> CommitInfo | None:
        """The commit that the branch was moved to, or None when the move did not happen."""
        key, new = key_of(intent), intent.new_sha or ""
        head = await self._git.head(key, intent.branch)
        if head is None or head == intent.old_sha:
            return None
        if head != new and not await self._git.is_ancestor(key, new, head):
            return None
        return await self._git.commit(key, new)

    async def settle(self, uow: UnitOfWork, intent: RefIntentRow, seen: CommitInfo | None) -> TenantScoped | None:
        """Deletes the intent and records what Git holds; None when nothing happened or another settled it."""
        open_ = await uow.rows.get(RefIntentRow, intent.id, lock=True)
        repository = await uow.rows.get(RepositoryRow, intent.repository_id)
        if open_ is None:
            return None
        await uow.rows.delete(open_)
        if seen is None or repository is None:
            return None
        branch = await self._record_branch(uow, intent, repository, seen)
        node: TenantScoped = branch
        if intent.kind == CREATE_COMMIT:
            node = await self._record_commit(uow, intent, repository, seen)
        if intent.kind == MERGE:
            commit = await self._record_commit(uow, intent, repository, seen)
            node = await _record_merge(uow, intent, commit) or node
        if intent.content["key"] is not None:
            uow.remember(idempotency_of(intent.content), node.type_name, node.id)
        return node

    async def _record_branch(
        self, uow: UnitOfWork, intent: RefIntentRow, repository: RepositoryRow, seen: CommitInfo
    ) -> BranchRow:
        of = (repository.project_id, repository.module_id)
        row = await uow.rows.find(BranchRow, repository_id=repository.id, name=intent.branch)
        if row is None:
            row = BranchRow(
                tenant_id=uow.tenant_id,
                project_id=repository.project_id,
                repository_id=repository.id,
                name=intent.branch,
                head_sha=seen.sha,
                from_commit_sha=seen.sha,
                trace_id=uow.cause.trace_id,
            )
            await uow.rows.add(row)
            made = BranchCreated(repository_id=repository.id, name=row.name, head_sha=seen.sha)
            record(uow, made, subject_id=row.id, project_id=of[0], module_id=of[1])
        else:
            old, row.head_sha, row.trace_id = row.head_sha, seen.sha, uow.cause.trace_id
            moved = BranchUpdated(repository_id=repository.id, name=row.name, old_sha=old, head_sha=seen.sha)
            record(uow, moved, subject_id=row.id, project_id=of[0], module_id=of[1])
        return row

    async def _record_commit(
        self, uow: UnitOfWork, intent: RefIntentRow, repository: RepositoryRow, seen: CommitInfo
    ) -> CommitRow:
        known = (await uow.source_control.commits_by_sha(repository.id, [seen.sha])).get(seen.sha)
        if known is not None:
            return known
        told = intent.content["artifactId"]
        artifact = None if told is None else UUID(hex=told)
        trace = uow.cause.trace_id
        row = commit_row(repository, seen, branch=intent.branch, trace_id=trace, artifact_id=artifact)
        await uow.rows.add(row)
        event = CommitCreated(repository_id=repository.id, branch=intent.branch, sha=seen.sha, artifact_id=artifact)
        record(uow, event, subject_id=row.id, project_id=repository.project_id, module_id=repository.module_id)
        if artifact is not None:
            ends = {"upstream": ("Artifact", artifact), "downstream": ("Commit", row.id)}
            uow.link(NewEdge(kind="COMMITTED_AS", project_id=repository.project_id, **ends))
        return row


async def _record_merge(uow: UnitOfWork, intent: RefIntentRow, commit: CommitRow) -> PullRequestRow | None:
    content = intent.content
    row = await uow.rows.get(PullRequestRow, UUID(hex=content["pullRequestId"]), lock=True)
    if row is None or row.status == "MERGED":
        return row
    row.status, row.merge_sha, row.merge_method = "MERGED", commit.sha, content["method"]
    row.merged_by = UUID(hex=content["actorId"])
    event = PullRequestMerged(merge_sha=commit.sha, method=content["method"])
    record(uow, event, subject_id=row.id, project_id=row.project_id)
    ends = (("PullRequest", row.id), ("Commit", commit.id))
    uow.link(NewEdge(kind="MERGED_AS", upstream=ends[0], downstream=ends[1], project_id=row.project_id))
    return row


def cause_of(intent: RefIntentRow) -> Cause:
    """Who intended the move, for the events that tell of it."""
    content = intent.content
    return Cause(
        actor_id=UUID(hex=content["actorId"]),
        on_behalf_of=None if content["onBehalfOf"] is None else UUID(hex=content["onBehalfOf"]),
        trace_id=content["traceId"],
        correlation_id=content["correlationId"],
        causation_id=content["correlationId"],
    )


def idempotency_of(content: dict[str, Any]) -> IdempotencyKey:
    """The client's key that the intent carries."""
    return IdempotencyKey(identity_id=UUID(hex=content["actorId"]), key=content["key"], body_hash=content["bodyHash"])


def busy(branch: str) -> Conflict:
    """Another move of the branch is being recorded."""
    return Conflict(f"branch {branch!r} is being moved by another command: try again", field="branch")


def _content(cause: Cause, move: RefMove, key: IdempotencyKey | None) -> dict[str, Any]:
    assert cause.actor_id is not None
    return {
        "actorId": cause.actor_id.hex,
        "onBehalfOf": None if cause.on_behalf_of is None else cause.on_behalf_of.hex,
        "traceId": cause.trace_id,
        "correlationId": cause.correlation_id,
        "artifactId": None if move.artifact is None else move.artifact.id.hex,
        "pullRequestId": None if move.pull_request is None else move.pull_request.id.hex,
        "method": move.method,
        "key": None if key is None else key.key,
        "bodyHash": None if key is None else key.body_hash,
    }
