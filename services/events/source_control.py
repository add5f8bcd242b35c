"""Events of the source-control context."""

from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from services.events.event import Event


@dataclass(frozen=True, kw_only=True)
class RepositoryProvisioningRequested(Event):
    """Wakes the worker that makes the repository."""

    subject: ClassVar[str] = "Repository"
    name: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class RepositoryProvisioned(Event):
    """The repository stands with its first commit."""

    subject: ClassVar[str] = "Repository"
    default_branch: str
    head_sha: str


@dataclass(frozen=True, kw_only=True)
class RepositoryProvisioningFailed(Event):
    """Why the repository could not be made."""

    subject: ClassVar[str] = "Repository"
    reason: str


@dataclass(frozen=True, kw_only=True)
class RepositoryArchived(Event):
    """Read-only from now on."""

    subject: ClassVar[str] = "Repository"
    name: str


@dataclass(frozen=True, kw_only=True)
class BranchCreated(Event):
    """A branch stands at a commit."""

    subject: ClassVar[str] = "Branch"
    repository_id: UUID = field(metadata={"of": "Repository"})
    name: str
    head_sha: str


@dataclass(frozen=True, kw_only=True)
class BranchUpdated(Event):
    """A branch's head moved, by API or by push; some open pull requests come from it or go to it.

    ``forced`` when the new head does not reach the old one: a push has rewritten the branch.
    """

    subject: ClassVar[str] = "Branch"
    repository_id: UUID = field(metadata={"of": "Repository"})
    name: str
    old_sha: str
    head_sha: str
    open_pull_requests: int
    forced: bool = False


@dataclass(frozen=True, kw_only=True)
class BranchProtected(Event):
    """Whether the branch moves by merged pull requests only."""

    subject: ClassVar[str] = "Branch"
    repository_id: UUID = field(metadata={"of": "Repository"})
    name: str
    is_protected: bool
    required_reviews: int | None


@dataclass(frozen=True, kw_only=True)
class BranchDeleted(Event):
    """The branch is gone; its commits stay."""

    subject: ClassVar[str] = "Branch"
    repository_id: UUID = field(metadata={"of": "Repository"})
    name: str
    head_sha: str


@dataclass(frozen=True, kw_only=True)
class CommitCreated(Event):
    """A commit reached a branch."""

    subject: ClassVar[str] = "Commit"
    repository_id: UUID = field(metadata={"of": "Repository"})
    branch: str
    sha: str
    artifact_id: UUID | None = field(default=None, metadata={"of": "Artifact"})


@dataclass(frozen=True, kw_only=True)
class PullRequestOpened(Event):
    """A proposal to merge."""

    subject: ClassVar[str] = "PullRequest"
    repository_id: UUID = field(metadata={"of": "Repository"})
    number: int
    source_branch: str
    target_branch: str
    source_sha: str


@dataclass(frozen=True, kw_only=True)
class PullRequestUpdated(Event):
    """The source moved; reviews of the old sha are stale."""

    subject: ClassVar[str] = "PullRequest"
    source_sha: str


@dataclass(frozen=True, kw_only=True)
class PullRequestReviewed(Event):
    """What a reviewer said of one sha."""

    subject: ClassVar[str] = "PullRequest"
    reviewer_id: UUID = field(metadata={"of": "Identity"})
    verdict: str
    source_sha: str


@dataclass(frozen=True, kw_only=True)
class PullRequestChecksCompleted(Event):
    """The automatic checks of one source and target have spoken."""

    subject: ClassVar[str] = "PullRequest"
    status: str
    source_sha: str
    target_sha: str


@dataclass(frozen=True, kw_only=True)
class PullRequestMerged(Event):
    """The target holds the source."""

    subject: ClassVar[str] = "PullRequest"
    merge_sha: str
    method: str


@dataclass(frozen=True, kw_only=True)
class PullRequestClosed(Event):
    """Closed without a merge."""

    subject: ClassVar[str] = "PullRequest"
    number: int
