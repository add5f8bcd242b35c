"""Types of the source-control context."""

from datetime import datetime

import strawberry

from schema.connections import Connection, to_many
from schema.mapping import Node, column, id_column, to_one
from schema.platform import Artifact, Module, Project
from services.source_control.repositories import RepositoryStatus

strawberry.enum(RepositoryStatus, description="Where a repository is in its life.")


@strawberry.type(description="A branch of a repository.")
class Branch(Node):
    """Its head is what Git said when the last move was recorded."""

    repository_id: strawberry.ID = id_column("repository_id", "Repository", "Its repository's id.")
    name: str = column("name", "Unique in the repository.")
    head_sha: str = column("head_sha", "The commit it stands at.")
    is_protected: bool = column("is_protected", "Whether it moves by merged pull requests only.")
    created_at: datetime = column("created_at", "When it was made.")
    updated_at: datetime = column("updated_at", "When it last moved.")


@strawberry.type(description="A commit that reached a branch.")
class Commit(Node):
    """The sha is Git's."""

    repository_id: strawberry.ID = id_column("repository_id", "Repository", "Its repository's id.")
    sha: str = column("sha", "Git's sha.")
    tree_hash: str = column("tree_hash", "Git's sha of its tree.")
    created_on_branch: str = column("created_on_branch", "The branch it first reached.")
    artifact: Artifact | None = to_one("artifact_id", "Artifact", "The artifact it was made from.")
    author_name: str = column("author_name", "Who wrote it.")
    author_email: str = column("author_email", "Their address.")
    authored_at: datetime = column("authored_at", "When it was written.")
    message: str = column("message", "What it says of itself.")
    parents: list[str] = column("parents", "The shas it follows.")
    files_changed: int = column("files_changed", "Files it changed against its first parent.")
    insertions: int = column("insertions", "Lines it added.")
    deletions: int = column("deletions", "Lines it removed.")
    trace_id: str = column("trace_id", "The trace it belongs to.")


@strawberry.type(description="A Git repository.")
class Repository(Node):
    """PROVISIONING until its worker has made it."""

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    project: Project | None = to_one("project_id", "Project", "Its project.")
    module: Module | None = to_one("module_id", "Module", "The module it holds; none for an environment's.")
    name: str = column("name", "Unique in the project.")
    description: str = column("description", "What it holds.")
    default_branch: str = column("default_branch", "The branch that HEAD names.")
    required_reviews: int = column("required_reviews", "Approvals that a merge needs.")
    status: RepositoryStatus = column("status", "Where it is in its life.")
    failure: str | None = column("failure", "Why it could not be made.")
    trace_id: str = column("trace_id", "The trace it was made in.")
    created_at: datetime = column("created_at", "When it was asked for.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    branches: Connection[Branch] = to_many("Branch", "repository_id", Connection[Branch], "Its branches.")
    commits: Connection[Commit] = to_many("Commit", "repository_id", Connection[Commit], "Commits that were recorded.")
