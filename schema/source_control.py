"""Types of the source-control context: repositories, branches and commits."""

from datetime import datetime
from typing import Annotated, ClassVar

import strawberry
from strawberry.types import Info

from schema.connections import Connection, to_many
from schema.git_objects import Diff
from schema.links import linked
from schema.mapping import Listing, Node, column, id_column, to_one, to_one_by
from schema.pipelines import PipelineDefinition, PipelineRun
from schema.platform import Artifact, Environment, Module, Project
from schema.pull_requests import PullRequest
from schema.scalars import GitSha
from schema.source_control_reading import RepositoryReading, RevisionReading, diff_of
from services.source_control.repositories import RepositoryKind, RepositoryStatus

strawberry.enum(RepositoryKind, description="A module's code, or an environment's desired state.")
strawberry.enum(RepositoryStatus, description="Where a repository is in its life.")

LazyRepository = Annotated["Repository", strawberry.lazy("schema.source_control")]
LazyCommit = Annotated["Commit", strawberry.lazy("schema.source_control")]


@strawberry.type(description="A branch of a repository.")
class Branch(RevisionReading, Node):
    """Its head is what Git said when the last move was recorded."""

    listing: ClassVar = Listing(
        filter=("name", "is_protected", "updated_at"), contains=("name",), order=("name", "updated_at")
    )

    repository_id: strawberry.ID = id_column("repository_id", "Repository", "Its repository's id.")
    repository: LazyRepository | None = to_one("repository_id", "Repository", "Its repository.")
    name: str = column("name", "Unique in the repository.")
    head_sha: GitSha = column("head_sha", "The commit it stands at.")
    head_commit: LazyCommit | None = to_one_by(
        "Commit", "The commit it stands at.", repository_id="repository_id", sha="head_sha"
    )
    is_protected: bool = column("is_protected", "Whether it moves by merged pull requests only.")
    required_reviews: int | None = column(
        "required_reviews", "Approvals that a merge into it needs; null: as many as the repository asks for."
    )
    created_at: datetime = column("created_at", "When it was made.")
    updated_at: datetime = column("updated_at", "When it last moved.")


@strawberry.type(description="A commit that reached a branch.")
class Commit(RevisionReading, Node):
    """The sha is Git's."""

    listing: ClassVar = Listing(
        filter=("sha", "created_on_branch", "artifact", "author_email", "authored_at", "trace_id"),
        contains=("message",),
    )

    repository_id: strawberry.ID = id_column("repository_id", "Repository", "Its repository's id.")
    repository: LazyRepository | None = to_one("repository_id", "Repository", "Its repository.")
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
    pull_requests: Connection[PullRequest] = linked(
        "PROPOSED_IN", "PullRequest", Connection[PullRequest], "The pull requests that propose it.", downstream=True
    )
    merged_pull_requests: Connection[PullRequest] = linked(
        "MERGED_AS",
        "PullRequest",
        Connection[PullRequest],
        "The pull requests that were merged as it.",
        downstream=False,
    )

    pipeline_runs: Connection[PipelineRun] = linked(
        "BUILT_BY", "PipelineRun", Connection[PipelineRun], "The runs of a pipeline at it.", downstream=True
    )

    def revision(self) -> str:
        """Its own sha."""
        return str(self.row.sha)

    @strawberry.field(description="The branches that reach it, the default branch first; at most 100.")
    async def branches(self, info: Info) -> list[Branch]:
        """As Git says now."""
        found: list[Branch] = await info.context.git.branches_with(self.row.repository_id, self.row.sha)
        return found

    @strawberry.field(description="What it changed against its first parent; since nothing when it has none.")
    async def diff(self, info: Info) -> Diff | None:
        """At most 300 files."""
        base = self.row.parents[0] if self.row.parents else None
        return await diff_of(info, self.row.repository_id, base, self.row.sha, from_merge_base=False)


@strawberry.type(description="A Git repository.")
class Repository(RepositoryReading, Node):
    """PROVISIONING until its worker has made it."""

    listing: ClassVar = Listing(
        filter=("project_id", "module", "kind", "name", "status"), contains=("name",), order=("name",)
    )

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    project: Project | None = to_one("project_id", "Project", "Its project.")
    module: Module | None = to_one("module_id", "Module", "The module it holds; none for an environment's.")
    environment: Environment | None = to_one_by("Environment", "The environment it is of, if any.", repository_id="id")
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

    @strawberry.field(description="Where git clones from and pushes to, with any user name and a token as password.")
    async def remote_url(self, info: Info) -> str | None:
        """From the address that was asked; never stored."""
        context = info.context
        tenant = await context.loaders.one("Tenant", self.row.tenant_id)
        project = await context.loaders.one("Project", self.row.project_id)
        if tenant is None or project is None:
            return None
        return f"{context.base_url}/git/{tenant.row.name}/{project.row.name}/{self.row.name}.git"

    branches: Connection[Branch] = to_many("Branch", "repository_id", Connection[Branch], "Its branches.")
    pull_requests: Connection[PullRequest] = to_many(
        "PullRequest", "repository_id", Connection[PullRequest], "Its pull requests."
    )

    pipeline: PipelineDefinition | None = to_one_by(
        "PipelineDefinition", "Its pipeline; none in an environment's.", repository_id="id"
    )
    pipeline_runs: Connection[PipelineRun] = to_many(
        "PipelineRun", "repository_id", Connection[PipelineRun], "The runs of its pipeline."
    )

    @strawberry.field(description="A branch by its name.")
    async def branch(self, info: Info, name: str) -> Branch | None:
        """Natural key."""
        found: Branch | None = await info.context.loaders.by("Branch", ("repository_id", "name"), (self.row.id, name))
        return found

    @strawberry.field(description="A pull request by its number.")
    async def pull_request(self, info: Info, number: int) -> PullRequest | None:
        """Natural key."""
        names, values = ("repository_id", "number"), (self.row.id, number)
        found: PullRequest | None = await info.context.loaders.by("PullRequest", names, values)
        return found
