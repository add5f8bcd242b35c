"""CommitService: commits that agents ask for, up to the written objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar
from uuid import UUID

from providers.blobs.errors import BlobMissing
from providers.blobs.store import BlobKey, Blobs
from providers.git.errors import EmptyChange, RefMoved
from providers.git.values import FileChange, FileMode, Signature, Stream
from services.actor import Actor, Needs, Scope
from services.errors import Conflict, InvalidInput, PolicyDenied, PreconditionFailed, absent
from services.names import words
from services.platform.uploads import gone, waiting
from services.source_control.git import Git, key_of, told
from services.source_control.ref_moves import CREATE_COMMIT, RefMove, Standing
from services.source_control.repositories import RepositoryStatus
from storage.ids import public_id
from storage.tables.platform import ArtifactRow
from storage.tables.scoped import now
from storage.tables.source_control import BranchRow, CommitRow, RefIntentRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """One file as it shall be, whose content was uploaded before."""

    path: str
    digest: str
    mode: FileMode = FileMode.REGULAR


@dataclass(frozen=True, kw_only=True)
class CreateCommit:
    """Commits changes onto a branch; ``expected_head_sha`` None takes the branch where it is."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    repository_id: UUID
    branch: str
    message: str
    changes: tuple[FileChange | UploadedFile, ...]
    artifact_id: UUID | None = None
    expected_head_sha: str | None = None


@dataclass(frozen=True, kw_only=True)
class CommitSight:
    """Where the commit goes, and what it is made from; ``sizes`` are those of its uploads by digest."""

    repository: RepositoryRow
    branch: BranchRow
    sizes: Mapping[str, int]
    artifact: ArtifactRow | None = None


class CommitService:
    """Owns commits."""

    def __init__(self, git: Git, blobs: Blobs) -> None:
        self._git = git
        self._blobs = blobs

    async def claims(self, uow: UnitOfWork, command: CreateCommit) -> tuple[UUID, tuple[str, ...]]:
        """The branch."""
        return command.repository_id, (command.branch,)

    async def authorise(self, uow: UnitOfWork, actor: Actor, command: CreateCommit) -> CommitSight:
        """The branch, when it may be committed to directly, the artifact, and the uploads that still wait."""
        actor.require(command.needs)
        repository = await writable(uow, command.repository_id)
        words(command.message, "message", most=10_000, least=1)
        if not command.changes:
            raise InvalidInput("changes is empty: give at least one file", field="changes")
        branch = await uow.rows.find(BranchRow, repository_id=repository.id, name=command.branch)
        if branch is None:
            raise absent("branch", command.branch, field="branch")
        if not moves_directly(repository, branch):
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
        digests = [change.digest for change in command.changes if isinstance(change, UploadedFile)]
        sizes = await waiting(uow, repository.project_id, digests)
        return CommitSight(repository=repository, branch=branch, sizes=sizes, artifact=artifact)

    async def write(self, actor: Actor, command: CreateCommit, sight: CommitSight) -> RefMove | Standing:
        """The move to the new commit, or the branch's head when it is the same artifact and tree."""
        key = key_of(sight.repository)
        when = now().replace(microsecond=0)
        who = Signature(name=actor.name, email=actor.email, when=when)
        changes = [self._change(sight, change) for change in command.changes]
        with told():
            head = await self._git.head(key, command.branch)
            if command.expected_head_sha not in {None, head}:
                raise Conflict(
                    f"branch {command.branch!r} is at {head}, not at {command.expected_head_sha}: refetch and retry",
                    field="expectedHeadSha",
                )
            try:
                made = await self._git.write_commit(
                    key, parent=head, changes=changes, author=who, committer=who, message=command.message
                )
            except EmptyChange as error:
                return partial(_same, command=command, head=head, error=error)
            except BlobMissing as error:
                raise gone(error.digest) from error
        return RefMove(
            kind=CREATE_COMMIT,
            repository=sight.repository,
            branch=command.branch,
            old_sha=head,
            new_sha=made.sha,
            commits=(made,),
            artifact=sight.artifact,
        )

    def _change(self, sight: CommitSight, change: FileChange | UploadedFile) -> FileChange:
        if isinstance(change, FileChange):
            return change
        key = BlobKey(tenant_id=sight.repository.tenant_id, digest=change.digest)
        stream = Stream(size=sight.sizes[change.digest], open=partial(self._blobs.open, key))
        return FileChange(path=change.path, content=stream, mode=change.mode)


async def _same(uow: UnitOfWork, command: CreateCommit, head: str | None, error: EmptyChange) -> CommitRow:
    found = await uow.rows.find(CommitRow, repository_id=command.repository_id, sha=head)
    moving = {"repository_id": command.repository_id, "branch": command.branch}
    if found is None and await uow.rows.find(RefIntentRow, **moving) is not None:
        raise RefMoved(command.branch, head, head)  # to it, this moment: its mover has not recorded it yet
    if found is None or found.artifact_id != command.artifact_id:
        with told():
            raise error
    return found


def moves_directly(repository: RepositoryRow, branch: BranchRow) -> bool:
    """Whether commits and pushes may move the branch; an environment may allow it for its protected ones too."""
    return not branch.is_protected or (repository.kind == "ENVIRONMENT" and repository.allow_direct_push)


async def writable(uow: UnitOfWork, repository_id: UUID, field: str = "repositoryId") -> RepositoryRow:
    """The repository, when it is made and not archived; ``field`` is the input that leads to it."""
    row = await uow.rows.get(RepositoryRow, repository_id)
    if row is None:
        raise absent("repository", public_id("Repository", repository_id), field=field)
    if row.status != RepositoryStatus.PROVISIONED:
        raise PreconditionFailed(f"the repository is {row.status}: only a PROVISIONED one takes changes", field=field)
    return row
