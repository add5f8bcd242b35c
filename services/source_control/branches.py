"""BranchService: branches come and go as moves of a ref."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from providers.git.paths import check_branch_name, check_sha
from providers.git.values import CommitInfo
from services.actor import Actor, Needs, Scope
from services.errors import Conflict, PolicyDenied, PreconditionFailed, absent
from services.source_control.commits import writable
from services.source_control.git import Git, key_of, told
from services.source_control.ref_moves import CREATE_BRANCH, DELETE_BRANCH, RefMove
from storage.tables.source_control import BranchRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class CreateBranch:
    """Makes a branch where another stands, or at a sha; where the default branch stands without either."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    repository_id: UUID
    name: str
    from_branch: str | None = None
    from_sha: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeleteBranch:
    """Deletes a branch; its commits stay."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    repository_id: UUID
    name: str
    expected_head_sha: str | None = None


@dataclass(frozen=True, kw_only=True)
class BranchSight:
    """The repository and, where it stands, the branch."""

    repository: RepositoryRow
    branch: BranchRow | None = None


class BranchCreation:
    """Decides of new branches."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def claims(self, uow: UnitOfWork, command: CreateBranch) -> tuple[UUID, tuple[str, ...]]:
        """The new name."""
        return command.repository_id, (command.name,)

    async def authorise(self, uow: UnitOfWork, actor: Actor, command: CreateBranch) -> BranchSight:
        """The repository, when the name is free."""
        actor.require(command.needs)
        repository = await writable(uow, command.repository_id)
        with told(field="name"):
            check_branch_name(command.name)
        with told(field="fromBranch"):
            if command.from_branch is not None:
                check_branch_name(command.from_branch)
        with told(field="fromSha"):
            if command.from_sha is not None:
                check_sha(command.from_sha)
        await check_free(uow, repository.id, command.name)
        return BranchSight(repository=repository)

    async def write(self, actor: Actor, command: CreateBranch, sight: BranchSight) -> RefMove:
        """Nothing to write: the commit stands already."""
        key = key_of(sight.repository)
        commits: tuple[CommitInfo, ...] = ()
        with told(field="fromBranch" if command.from_sha is None else "fromSha"):
            if command.from_sha is not None:
                commits = (await self._git.commit(key, command.from_sha),)
                sha: str | None = commits[0].sha
            else:
                start = command.from_branch or sight.repository.default_branch
                sha = await self._git.head(key, start)
                if sha is None:
                    raise absent("branch", start, field="fromBranch")
        return RefMove(
            kind=CREATE_BRANCH,
            repository=sight.repository,
            branch=command.name,
            old_sha=None,
            new_sha=sha,
            commits=commits,
        )


class BranchDeletion:
    """Decides which branches may go."""

    async def claims(self, uow: UnitOfWork, command: DeleteBranch) -> tuple[UUID, tuple[str, ...]]:
        """The branch."""
        return command.repository_id, (command.name,)

    async def authorise(self, uow: UnitOfWork, actor: Actor, command: DeleteBranch) -> BranchSight:
        """The branch, when nothing needs it."""
        actor.require(command.needs)
        repository = await writable(uow, command.repository_id)
        branch = await uow.rows.find(BranchRow, repository_id=repository.id, name=command.name)
        if branch is None:
            raise absent("branch", command.name, field="name")
        await check_deletable(uow, repository, branch)
        if command.expected_head_sha not in {None, branch.head_sha}:
            where = f"at {branch.head_sha}, not at {command.expected_head_sha}"
            raise Conflict(f"branch {branch.name!r} is {where}: refetch and retry", field="expectedHeadSha")
        return BranchSight(repository=repository, branch=branch)

    async def write(self, actor: Actor, command: DeleteBranch, sight: BranchSight) -> RefMove:
        """Nothing to write."""
        assert sight.branch is not None
        return RefMove(
            kind=DELETE_BRANCH,
            repository=sight.repository,
            branch=command.name,
            old_sha=sight.branch.head_sha,
            new_sha=None,
        )


async def check_free(uow: UnitOfWork, repository_id: UUID, name: str) -> None:
    """Conflict when the name is taken, or another branch stands above or below it: Git keeps refs as files."""
    for other in await uow.source_control.branches_in_the_way(repository_id, name):
        reason = "exists already" if other == name else f"cannot stand beside {other!r}: choose another name"
        raise Conflict(f"branch {name!r} {reason}", field="name")


async def check_deletable(uow: UnitOfWork, repository: RepositoryRow, branch: BranchRow) -> None:
    """PolicyDenied or PreconditionFailed, and what would make it pass."""
    if branch.name == repository.default_branch:
        raise PolicyDenied(f"branch {branch.name!r} is the default branch: it stays", field="name")
    if branch.is_protected:
        raise PolicyDenied(
            f"branch {branch.name!r} is protected: it cannot be deleted",
            field="name",
            help="protectBranch with isProtected: false",
        )
    needed = await uow.source_control.open_pull_requests_of(repository.id, branch.name)
    if needed:
        numbers = ", ".join(f"#{row.number}" for row in needed[:10])
        raise PreconditionFailed(
            f"branch {branch.name!r} has open pull requests: {numbers}",
            field="name",
            help="mergePullRequest or closePullRequest",
        )
