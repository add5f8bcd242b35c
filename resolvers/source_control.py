"""Queries and mutations of the source-control context."""

import strawberry

from resolvers.commands import mutation
from resolvers.context import Info
from resolvers.execution import carry_out
from resolvers.ref_moves import carry_move
from schema.connections import Connection, every
from schema.mapping import id_of
from schema.scalars import GitSha
from schema.source_control import Branch, Commit, Repository
from schema.source_control_commands import (
    ArchiveRepositoryInput,
    CreateBranchInput,
    CreateBranchPayload,
    CreateCommitInput,
    CreateCommitPayload,
    DeleteBranchInput,
    DeleteBranchPayload,
    ProtectBranchInput,
    ProtectBranchPayload,
    ProvisionRepositoryInput,
    RepositoryPayload,
)
from services.source_control.branches import CreateBranch, DeleteBranch
from services.source_control.commits import CreateCommit
from services.source_control.protection import ProtectBranch
from services.source_control.repositories import ArchiveRepository, ProvisionRepository


@strawberry.type
class SourceControlQuery:
    """Repositories."""

    @strawberry.field(description="A repository by its project's and its own name.")
    async def repository(self, info: Info, project: str, name: str) -> Repository | None:
        """Natural key."""
        parent = await info.context.loaders.find("Project", name=project)
        if parent is None:
            return None
        found: Repository | None = await info.context.loaders.find("Repository", project_id=parent.row.id, name=name)
        return found

    @strawberry.field(description="A branch by its repository's id and its name.")
    async def branch(self, info: Info, repository: strawberry.ID, name: str) -> Branch | None:
        """Natural key."""
        parent = id_of(repository, "Repository", "repository")
        found: Branch | None = await info.context.loaders.find("Branch", repository_id=parent, name=name)
        return found

    @strawberry.field(description="A commit by its repository's id and its full sha; null when no branch reaches it.")
    async def commit(self, info: Info, repository: strawberry.ID, sha: GitSha) -> Commit | None:
        """Natural key."""
        parent = await info.context.loaders.one("Repository", id_of(repository, "Repository", "repository"))
        found: Commit | None = None if parent is None else await info.context.git.commit(parent.row, sha)
        return found

    repositories: Connection[Repository] = every(
        "Repository", Connection[Repository], "The repositories in your sight."
    )


@strawberry.type
class SourceControlMutation:
    """Commands on repositories."""

    @mutation(ProvisionRepository, "Ask for a module's repository.")
    async def provision_repository(self, info: Info, input: ProvisionRepositoryInput) -> RepositoryPayload:
        """One service call; a worker does the rest."""
        context = info.context
        provision = context.services.repositories.provision
        done = await carry_out(context, input, lambda uow, command: provision(uow, context.actor, command))
        return RepositoryPayload(repository=done.node, events=done.events, errors=done.errors)

    @mutation(ArchiveRepository, "Make a repository read-only.")
    async def archive_repository(self, info: Info, input: ArchiveRepositoryInput) -> RepositoryPayload:
        """One service call."""
        context = info.context
        archive = context.services.repositories.archive
        done = await carry_out(context, input, lambda uow, command: archive(uow, context.actor, command))
        return RepositoryPayload(repository=done.node, events=done.events, errors=done.errors)

    @mutation(CreateBranch, "Make a branch.")
    async def create_branch(self, info: Info, input: CreateBranchInput) -> CreateBranchPayload:
        """A ref move."""
        done = await carry_move(info.context, input, info.context.services.branch_creation)
        return CreateBranchPayload(branch=done.node, events=done.events, errors=done.errors)

    @mutation(ProtectBranch, "Protect a branch; loosening needs admin.")
    async def protect_branch(self, info: Info, input: ProtectBranchInput) -> ProtectBranchPayload:
        """One service call."""
        context = info.context
        protect = context.services.protection.protect
        done = await carry_out(context, input, lambda uow, command: protect(uow, context.actor, command))
        return ProtectBranchPayload(branch=done.node, events=done.events, errors=done.errors)

    @mutation(DeleteBranch, "Delete a branch; its commits stay.")
    async def delete_branch(self, info: Info, input: DeleteBranchInput) -> DeleteBranchPayload:
        """A ref move to nothing."""
        done = await carry_move(info.context, input, info.context.services.branch_deletion)
        return DeleteBranchPayload(repository=done.node, events=done.events, errors=done.errors)

    @mutation(CreateCommit, "Commit changes onto a branch.")
    async def create_commit(self, info: Info, input: CreateCommitInput) -> CreateCommitPayload:
        """A ref move."""
        done = await carry_move(info.context, input, info.context.services.commits)
        return CreateCommitPayload(commit=done.node, events=done.events, errors=done.errors)
