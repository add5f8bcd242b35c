"""Rows of the source-control context; Git is the truth of shas, these rows follow it."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, Index, UniqueConstraint, Uuid
from sqlmodel import Field

from storage.tables.scoped import ProjectScoped, TenantScoped, UtcDateTime


class RepositoryRow(ProjectScoped, table=True):
    """A Git repository of a module or of an environment."""

    __tablename__ = "repositories"
    __table_args__ = (
        UniqueConstraint("tenant_id", "project_id", "name", name="uq_repositories_name"),
        Index("ix_repositories_by_name", "tenant_id", "name", "id"),
        Index("ix_repositories_project", "tenant_id", "project_id", "id"),
        Index("ix_repositories_module", "tenant_id", "module_id", "id"),
        Index("ix_repositories_module_by_name", "tenant_id", "module_id", "name", "id"),
        Index("ix_repositories_maintenance", "maintain_at"),
    )
    type_name: ClassVar[str] = "Repository"
    module_id: UUID | None = Field(default=None, sa_type=Uuid)
    kind: str
    name: str
    description: str = ""
    provider: str
    default_branch: str
    visibility: str
    status: str
    failure: str | None = None
    required_reviews: int = 1
    allow_direct_push: bool = False
    next_number: int = 1
    trace_id: str
    maintain_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BranchRow(ProjectScoped, table=True):
    """A branch; ``head_sha`` is what Git said when the last move was recorded."""

    __tablename__ = "branches"
    __table_args__ = (
        UniqueConstraint("tenant_id", "repository_id", "name", name="uq_branches_name"),
        Index("ix_branches_repository", "tenant_id", "repository_id", "id"),
        Index("ix_branches_repository_by_updated_at", "tenant_id", "repository_id", "updated_at", "id"),
    )
    type_name: ClassVar[str] = "Branch"
    repository_id: UUID = Field(sa_type=Uuid)
    name: str
    head_sha: str
    from_commit_sha: str | None = None
    is_protected: bool = False
    required_reviews: int | None = None
    status: str = "ACTIVE"
    trace_id: str


class CommitRow(ProjectScoped, table=True):
    """A commit that reached a branch of ours."""

    __tablename__ = "commits"
    __table_args__ = (
        UniqueConstraint("tenant_id", "repository_id", "sha", name="uq_commits_sha"),
        Index("ix_commits_repository", "tenant_id", "repository_id", "id"),
        Index("ix_commits_artifact", "tenant_id", "artifact_id", "id"),
    )
    type_name: ClassVar[str] = "Commit"
    repository_id: UUID = Field(sa_type=Uuid)
    created_on_branch: str
    sha: str
    tree_hash: str
    artifact_id: UUID | None = Field(default=None, sa_type=Uuid)
    author_name: str
    author_email: str
    authored_at: datetime = Field(sa_type=UtcDateTime)
    message: str
    parents: list[str] = Field(sa_type=JSON)
    files_changed: int
    insertions: int
    deletions: int
    trace_id: str


class PullRequestRow(ProjectScoped, table=True):
    """A proposal to merge one branch into another of the same repository."""

    __tablename__ = "pull_requests"
    __table_args__ = (
        UniqueConstraint("tenant_id", "repository_id", "number", name="uq_pull_requests_number"),
        Index("ix_pull_requests_repository", "tenant_id", "repository_id", "id"),
        Index("ix_pull_requests_repository_by_updated_at", "tenant_id", "repository_id", "updated_at", "id"),
        Index("ix_pull_requests_by_updated_at", "tenant_id", "updated_at", "id"),
        Index("ix_pull_requests_source", "tenant_id", "repository_id", "source_branch", "status"),
        Index("ix_pull_requests_target", "tenant_id", "repository_id", "target_branch", "status"),
    )
    type_name: ClassVar[str] = "PullRequest"
    repository_id: UUID = Field(sa_type=Uuid)
    number: int
    title: str
    body: str = ""
    source_branch: str
    target_branch: str
    source_sha: str
    target_sha: str
    merge_sha: str | None = None
    merge_method: str | None = None
    mergeability: str = "UNKNOWN"
    conflicts: list[str] = Field(default_factory=list, sa_type=JSON)
    author_id: UUID = Field(sa_type=Uuid)
    merged_by: UUID | None = Field(default=None, sa_type=Uuid)
    status: str = "OPEN"
    checks_status: str = "PENDING"
    trace_id: str


class ReviewRow(ProjectScoped, table=True):
    """What a reviewer said of one source sha; stale once the source moves."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_pull_request", "tenant_id", "pull_request_id", "id"),)
    type_name: ClassVar[str] = "Review"
    pull_request_id: UUID = Field(sa_type=Uuid)
    reviewer_id: UUID = Field(sa_type=Uuid)
    verdict: str
    body: str = ""
    source_sha: str
    is_stale: bool = False


class CheckRow(ProjectScoped, table=True):
    """One automatic check of a pull request at one pair of shas."""

    __tablename__ = "checks"
    __table_args__ = (
        UniqueConstraint("tenant_id", "pull_request_id", "name", name="uq_checks_name"),
        Index("ix_checks_pull_request", "tenant_id", "pull_request_id", "id"),
    )
    type_name: ClassVar[str] = "Check"
    pull_request_id: UUID = Field(sa_type=Uuid)
    name: str
    status: str
    summary: str
    source_sha: str
    target_sha: str


class RefIntentRow(TenantScoped, table=True):
    """A ref move that was authorised and not yet recorded; at most one is open per ref."""

    __tablename__ = "ref_intents"
    __table_args__ = (
        UniqueConstraint("tenant_id", "repository_id", "branch", name="uq_ref_intents_branch"),
        Index("ix_ref_intents_created", "created_at"),
    )
    type_name: ClassVar[str] = "RefIntent"
    repository_id: UUID = Field(sa_type=Uuid)
    branch: str
    kind: str
    old_sha: str | None = None
    new_sha: str | None = None
    content: dict[str, Any] = Field(sa_type=JSON)
    owner: str
