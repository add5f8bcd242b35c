"""A move of a ref: what it is, what of it is stored before the ref moves, and what Git says of it afterwards."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from providers.git.values import CommitInfo, RefUpdate
from storage.access import Cause, IdempotencyKey
from storage.ids import new_id
from storage.tables.platform import ArtifactRow
from storage.tables.scoped import TenantScoped
from storage.tables.source_control import PullRequestRow, RefIntentRow, RepositoryRow
from storage.unit_of_work import UnitOfWork

CREATE_BRANCH, CREATE_COMMIT, MERGE, DELETE_BRANCH = "CREATE_BRANCH", "CREATE_COMMIT", "MERGE", "DELETE_BRANCH"
PUSH = "PUSH"
MOST_COMMITS: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class RefMove:
    """A move that was authorised and whose objects are written; no ref names them yet.

    ``old_sha`` None makes the branch, ``new_sha`` None deletes it; ``commits`` arrive with the move, oldest first;
    ``forced`` when the branch leaves commits behind.
    """

    kind: str
    repository: RepositoryRow
    branch: str
    old_sha: str | None
    new_sha: str | None
    commits: tuple[CommitInfo, ...] = ()
    merges: tuple[UUID, ...] = ()
    artifact: ArtifactRow | None = None
    pull_request: PullRequestRow | None = None
    method: str | None = None
    forced: bool = False

    @property
    def trace_id(self) -> str | None:
        """The trace of the artifact or pull request, when there is one: what follows inherits it."""
        origin = self.artifact or self.pull_request
        return None if origin is None else origin.trace_id


@dataclass(frozen=True, kw_only=True)
class Push:
    """All of these refs move, or none; ``moves`` are those of branches."""

    repository: RepositoryRow
    updates: tuple[RefUpdate, ...]
    moves: tuple[RefMove, ...]


Standing = Callable[[UnitOfWork], Awaitable[TenantScoped]]
"""What finds the row that makes a move needless."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """That the ref moved as it was intended: the commits that came with it and the pull requests that they complete."""

    commits: tuple[CommitInfo, ...] = ()
    merges: tuple[UUID, ...] = ()


def intent_of(move: RefMove, cause: Cause, key: IdempotencyKey | None) -> RefIntentRow:
    """The row that is stored before the ref moves; a branch has at most one."""
    assert cause.actor_id is not None
    content = {
        "actorId": cause.actor_id.hex,
        "onBehalfOf": None if cause.on_behalf_of is None else cause.on_behalf_of.hex,
        "traceId": cause.trace_id,
        "correlationId": cause.correlation_id,
        "artifactId": None if move.artifact is None else move.artifact.id.hex,
        "pullRequestId": None if move.pull_request is None else move.pull_request.id.hex,
        "method": move.method,
        "forced": move.forced,
        "key": None if key is None else key.key,
        "bodyHash": None if key is None else key.body_hash,
    }
    return RefIntentRow(
        tenant_id=move.repository.tenant_id,
        id=new_id(),
        repository_id=move.repository.id,
        branch=move.branch,
        kind=move.kind,
        old_sha=move.old_sha,
        new_sha=move.new_sha,
        owner="",
        content=content,
    )


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


def idempotency_of(content: dict[str, Any]) -> IdempotencyKey | None:
    """The client's key that the intent carries."""
    if content["key"] is None:
        return None
    return IdempotencyKey(identity_id=UUID(hex=content["actorId"]), key=content["key"], body_hash=content["bodyHash"])
