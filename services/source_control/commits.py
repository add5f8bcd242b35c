"""CommitService and BranchService: moves that agents ask for, up to the written objects."""

from dataclasses import dataclass
from uuid import UUID

from providers.git.errors import EmptyChange
from providers.git.paths import check_branch_name
from providers.git.values import FileChange, Signature
from services.actor import Actor, Scope
from services.errors import Conflict, PolicyDenied, PreconditionFailed, absent
from services.names import words
from services.source_control.git import Git, key_of, told
from services.source_control.ref_moves import CREATE_BRANCH, CREATE_COMMIT, RefMove
from services.source_control.repositories import RepositoryStatus
from storage.ids import public_id
from storage.tables.platform import ArtifactRow
from storage.tables.scoped import now
from storage.tables.source_control import BranchRow, CommitRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class CreateBranch:
    """Makes a branch where another stands, or at a sha."""

    repository_id: UUID
    name: str
    from_branch: str | None = None
    from_sha: str | None = None


@dataclass(frozen=True, kw_only=True)
class CreateCommit:
    """Commits changes onto a branch; ``expected_head_sha`` None takes the branch where it is."""

    repository_id: UUID
    branch: str
    message: str
    changes: tuple[FileChange, ...]
    artifact_id: UUID | None = None
    expected_head_sha: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a command may see and is allowed to move, as the rows say."""

    repository: RepositoryRow
    branch: BranchRow | None
    artifact: ArtifactRow | None = None
    head: CommitRow | None = None


class BranchService:
    """Owns branches."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def authorise(self, uow: UnitOfWork, actor: Actor, command: CreateBranch) -> Sight:
        """The repository and the branch it starts from."""
        actor.require(Scope.REPOSITORIES_WRITE)
        repository = await writable(uow, command.repository_id)
        with told():
            check_branch_name(command.name)
        if await uow.rows.find(BranchRow, repository_id=repository.id, name=command.name) is not None:
            raise Conflict(f"branch {command.name!r} exists already", field="name")
        return Sight(repository=repository, branch=None)

    async def write(self, actor: Actor, command: CreateBranch, sight: Sight) -> RefMove:
        """Nothing to write: the commit stands already."""
        key = key_of(sight.repository)
        with told():
            if command.from_sha is not None:
                sha = (await self._git.commit(key, command.from_sha)).sha
            else:
                start = command.from_branch or sight.repository.default_branch
                found = await self._git.head(key, start)
                if found is None:
                    raise absent("branch", start, field="fromBranch")
                sha = found
        return RefMove(kind=CREATE_BRANCH, repository=sight.repository, branch=command.name, old_sha=None, new_sha=sha)


class CommitService:
    """Owns commits."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def authorise(self, uow: UnitOfWork, actor: Actor, command: CreateCommit) -> Sight:
        """The branch, when it may be committed to directly, and the artifact."""
        actor.require(Scope.REPOSITORIES_WRITE)
        repository = await writable(uow, command.repository_id)
        words(command.message, "message", most=10_000, least=1)
        branch = await uow.rows.find(BranchRow, repository_id=repository.id, name=command.branch)
        if branch is None:
            raise absent("branch", command.branch, field="branch")
        if branch.is_protected:
            raise PolicyDenied(
                f"branch {branch.name!r} is protected: it moves by merged pull requests only",
                field="branch",
                help="createBranch and commit there",
            )
        artifact = None
        if command.artifact_id is not None:
            artifact = await uow.rows.get(ArtifactRow, command.artifact_id)
            if artifact is None or artifact.project_id != repository.project_id:
                raise absent("artifact", public_id("Artifact", command.artifact_id), field="artifactId")
        head = (await uow.source_control.commits_by_sha(repository.id, [branch.head_sha])).get(branch.head_sha)
        return Sight(repository=repository, branch=branch, artifact=artifact, head=head)

    async def write(self, actor: Actor, command: CreateCommit, sight: Sight) -> RefMove | CommitRow:
        """The move to the new commit, or the branch's head when it is the same artifact and tree."""
        key = key_of(sight.repository)
        when = now().replace(microsecond=0)
        who = Signature(name=actor.name, email=actor.email, when=when)
        with told():
            head = await self._git.head(key, command.branch)
            if command.expected_head_sha not in {None, head}:
                raise Conflict(
                    f"branch {command.branch!r} is at {head}, not at {command.expected_head_sha}: refetch and retry",
                    field="expectedHeadSha",
                )
            try:
                sha = await self._git.write_commit(
                    key, parent=head, changes=command.changes, author=who, committer=who, message=command.message
                )
            except EmptyChange:
                if sight.head is not None and sight.head.artifact_id == command.artifact_id:
                    return sight.head
                raise
        return RefMove(
            kind=CREATE_COMMIT,
            repository=sight.repository,
            branch=command.branch,
            old_sha=head,
            new_sha=sha,
            artifact=sight.artifact,
        )


async def writable(uow: UnitOfWork, repository_id: UUID) -> RepositoryRow:
    """The repository, when it is made and not archived."""
    row = await uow.rows.get(RepositoryRow, repository_id)
    if row is None:
        raise absent("repository", public_id("Repository", repository_id), field="repositoryId")
    if row.status != RepositoryStatus.PROVISIONED:
        raise PreconditionFailed(f"the repository is {row.status}: only a PROVISIONED one takes changes")
    return row
