"""Types of the source-control context."""

from datetime import datetime

import strawberry

from schema.connections import Connection, one_back, to_many
from schema.mapping import Node, column, id_column, to_one
from schema.platform import Artifact, Environment, Identity, Module, Project
from schema.scalars import GitSha
from services.source_control.pull_requests import PullRequestStatus
from services.source_control.repositories import RepositoryKind, RepositoryStatus
from services.source_control.reviews import Verdict

strawberry.enum(PullRequestStatus, description="Where a pull request is in its life.")
strawberry.enum(Verdict, description="What a reviewer says.")
strawberry.enum(RepositoryKind, description="A module's code, or an environment's desired state.")
strawberry.enum(RepositoryStatus, description="Where a repository is in its life.")


@strawberry.type(description="A branch of a repository.")
class Branch(Node):
    """Its head is what Git said when the last move was recorded."""

    repository_id: strawberry.ID = id_column("repository_id", "Repository", "Its repository's id.")
    name: str = column("name", "Unique in the repository.")
    head_sha: GitSha = column("head_sha", "The commit it stands at.")
    is_protected: bool = column("is_protected", "Whether it moves by merged pull requests only.")
    created_at: datetime = column("created_at", "When it was made.")
    updated_at: datetime = column("updated_at", "When it last moved.")


@strawberry.type(description="A commit that reached a branch.")
class Commit(Node):
    """The sha is Git's."""

    repository_id: strawberry.ID = id_column("repository_id", "Repository", "Its repository's id.")
    sha: GitSha = column("sha", "Git's sha.")
    tree_hash: GitSha = column("tree_hash", "Git's sha of its tree.")
    created_on_branch: str = column("created_on_branch", "The branch it first reached.")
    artifact: Artifact | None = to_one("artifact_id", "Artifact", "The artifact it was made from.")
    author_name: str = column("author_name", "Who wrote it.")
    author_email: str = column("author_email", "Their address.")
    authored_at: datetime = column("authored_at", "When it was written.")
    message: str = column("message", "What it says of itself.")
    parents: list[GitSha] = column("parents", "The shas it follows.")
    files_changed: int = column("files_changed", "Files it changed against its first parent.")
    insertions: int = column("insertions", "Lines it added.")
    deletions: int = column("deletions", "Lines it removed.")
    trace_id: str = column("trace_id", "The trace it belongs to.")


@strawberry.type(description="What a reviewer said of one source sha.")
class Review(Node):
    """Stale once the source moves."""

    reviewer: Identity | None = to_one("reviewer_id", "Identity", "Who.")
    verdict: Verdict = column("verdict", "What they say.")
    body: str = column("body", "Why.")
    source_sha: GitSha = column("source_sha", "Of which sha.")
    is_stale: bool = column("is_stale", "Whether the source has moved since.")
    created_at: datetime = column("created_at", "When.")


@strawberry.type(description="One automatic check of a pull request.")
class Check(Node):
    """Of one source and target."""

    name: str = column("name", "What is checked.")
    status: str = column("status", "PASSED or FAILED.")
    summary: str = column("summary", "Why.")
    source_sha: GitSha = column("source_sha", "Of which source.")
    target_sha: GitSha = column("target_sha", "Against which target.")


@strawberry.type(description="A proposal to merge one branch into another.")
class PullRequest(Node):
    """Merges at the reviewed sha or not at all."""

    repository_id: strawberry.ID = id_column("repository_id", "Repository", "Its repository's id.")
    number: int = column("number", "Dense in the repository, from 1.")
    title: str = column("title", "What it is about.")
    body: str = column("body", "Why.")
    source_branch: str = column("source_branch", "The branch that is proposed.")
    target_branch: str = column("target_branch", "The branch it shall join.")
    source_sha: GitSha = column("source_sha", "Where the source stands; what reviews and the merge are of.")
    target_sha: GitSha = column("target_sha", "Where the target stood at the last check.")
    merge_sha: GitSha | None = column("merge_sha", "Where the target stood after the merge.")
    mergeability: str = column("mergeability", "UNKNOWN, MERGEABLE or CONFLICTING.")
    conflicts: list[str] = column("conflicts", "The paths that both sides changed.")
    checks_status: str = column("checks_status", "PENDING, PASSED, FAILED, or ERROR when they could not run.")
    author: Identity | None = to_one("author_id", "Identity", "Who proposed it.")
    merged_by: Identity | None = to_one("merged_by", "Identity", "Who merged it.")
    status: PullRequestStatus = column("status", "Where it is in its life.")
    trace_id: str = column("trace_id", "The trace it belongs to.")
    created_at: datetime = column("created_at", "When it was opened.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    reviews: Connection[Review] = to_many("Review", "pull_request_id", Connection[Review], "What reviewers said.")
    checks: Connection[Check] = to_many("Check", "pull_request_id", Connection[Check], "Its automatic checks.")


@strawberry.type(description="A Git repository.")
class Repository(Node):
    """PROVISIONING until its worker has made it."""

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    project: Project | None = to_one("project_id", "Project", "Its project.")
    module: Module | None = to_one("module_id", "Module", "The module it holds; none for an environment's.")
    environment: Environment | None = one_back("Environment", "repository_id", "The environment it is of, if any.")
    kind: RepositoryKind = column("kind", "What it is for.")
    name: str = column("name", "Unique in the project.")
    description: str = column("description", "What it holds.")
    default_branch: str = column("default_branch", "The branch that HEAD names.")
    required_reviews: int = column("required_reviews", "Approvals that a merge needs.")
    allow_direct_push: bool = column("allow_direct_push", "Whether protected branches take pushes; an environment's.")
    status: RepositoryStatus = column("status", "Where it is in its life.")
    failure: str | None = column("failure", "Why it could not be made.")
    trace_id: str = column("trace_id", "The trace it was made in.")
    created_at: datetime = column("created_at", "When it was asked for.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    branches: Connection[Branch] = to_many("Branch", "repository_id", Connection[Branch], "Its branches.")
    commits: Connection[Commit] = to_many("Commit", "repository_id", Connection[Commit], "Commits that were recorded.")
    pull_requests: Connection[PullRequest] = to_many(
        "PullRequest", "repository_id", Connection[PullRequest], "Its pull requests."
    )
