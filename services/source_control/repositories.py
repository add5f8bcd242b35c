"""RepositoryService: repositories are asked for here and made by a worker."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import ClassVar
from uuid import UUID

from providers.git.errors import InvalidBranchName
from providers.git.paths import check_branch_name
from providers.git.values import CommitInfo
from services.actor import Actor, Needs, Scope
from services.errors import Conflict, InvalidInput, PreconditionFailed, absent
from services.events.event import record
from services.events.source_control import (
    BranchCreated,
    CommitCreated,
    RepositoryArchived,
    RepositoryProvisioned,
    RepositoryProvisioningFailed,
    RepositoryProvisioningRequested,
)
from services.names import slug, words
from storage.ids import public_id
from storage.tables.platform import ModuleRow
from storage.tables.scoped import now
from storage.tables.source_control import BranchRow, CommitRow, RepositoryRow
from storage.unit_of_work import UnitOfWork

MAINTAIN_AFTER = timedelta(hours=1)


class RepositoryStatus(StrEnum):
    """Where a repository is in its life."""

    PROVISIONING = "PROVISIONING"
    PROVISIONED = "PROVISIONED"
    ARCHIVED = "ARCHIVED"
    FAILED = "FAILED"


class RepositoryKind(StrEnum):
    """What a repository holds: a module's code, or an environment's desired state."""

    MODULE = "MODULE"
    ENVIRONMENT = "ENVIRONMENT"


@dataclass(frozen=True, kw_only=True)
class ProvisionRepository:
    """Asks for a module's repository; its name is the module's unless given."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    module_id: UUID
    name: str | None = None
    description: str = ""
    default_branch: str = "main"
    required_reviews: int = 1


@dataclass(frozen=True, kw_only=True)
class ArchiveRepository:
    """Makes a repository read-only."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    repository_id: UUID


class RepositoryService:
    """Owns repositories."""

    async def provision(self, uow: UnitOfWork, actor: Actor, command: ProvisionRepository) -> RepositoryRow:
        """The repository, PROVISIONING until its worker has made it."""
        actor.require(command.needs)
        module = await uow.rows.get(ModuleRow, command.module_id)
        if module is None:
            raise absent("module", public_id("Module", command.module_id), field="moduleId")
        name = slug(command.name or module.name, "name")
        if await uow.rows.find(RepositoryRow, project_id=module.project_id, name=name) is not None:
            raise Conflict(f"a repository named {name!r} exists already in this project", field="name")
        if not 0 <= command.required_reviews <= 10:
            raise InvalidInput("requiredReviews is 0 to 10", field="requiredReviews")
        row = RepositoryRow(
            tenant_id=uow.tenant_id,
            project_id=module.project_id,
            module_id=module.id,
            kind=RepositoryKind.MODULE.value,
            name=name,
            description=words(command.description, "description", most=2_000),
            provider="LOCAL",
            default_branch=_branch(command.default_branch),
            visibility="PRIVATE",
            status=RepositoryStatus.PROVISIONING.value,
            required_reviews=command.required_reviews,
            trace_id=uow.cause.trace_id,
        )
        return await _requested(uow, row)

    async def provision_for_environment(
        self, uow: UnitOfWork, *, project_id: UUID, environment: str, allow_direct_push: bool
    ) -> RepositoryRow:
        """The repository of an environment that is being declared; the caller has authorised it."""
        name = f"env-{environment}"
        if await uow.rows.find(RepositoryRow, project_id=project_id, name=name) is not None:
            raise Conflict(f"a repository named {name!r} exists already in this project", field="name")
        row = RepositoryRow(
            tenant_id=uow.tenant_id,
            project_id=project_id,
            kind=RepositoryKind.ENVIRONMENT.value,
            name=name,
            description=f"Desired state of the environment {environment}.",
            provider="LOCAL",
            default_branch="main",
            visibility="PRIVATE",
            status=RepositoryStatus.PROVISIONING.value,
            allow_direct_push=allow_direct_push,
            trace_id=uow.cause.trace_id,
        )
        return await _requested(uow, row)

    async def allow_direct_push(self, uow: UnitOfWork, repository_id: UUID, allowed: bool) -> None:
        """Whether an environment's protected branches take pushes; the caller has authorised it."""
        row = await uow.rows.get(RepositoryRow, repository_id, lock=True)
        if row is not None:
            row.allow_direct_push = allowed

    async def archive(self, uow: UnitOfWork, actor: Actor, command: ArchiveRepository) -> RepositoryRow:
        """The archived repository; archiving it again changes nothing."""
        actor.require(command.needs)
        row = await uow.rows.get(RepositoryRow, command.repository_id, lock=True)
        if row is None:
            raise absent("repository", public_id("Repository", command.repository_id), field="repositoryId")
        if row.status == RepositoryStatus.ARCHIVED:
            return row
        if row.status == RepositoryStatus.PROVISIONING:
            raise PreconditionFailed(
                "the repository is being made: wait for RepositoryProvisioned", field="repositoryId"
            )
        if row.kind == RepositoryKind.ENVIRONMENT:
            raise PreconditionFailed(
                "the repository is an environment's", field="repositoryId", help="archiveEnvironment"
            )
        _archive(uow, row)
        return row

    async def archive_for_environment(self, uow: UnitOfWork, repository_id: UUID) -> None:
        """Archives an environment's repository with it; the caller has authorised it."""
        row = await uow.rows.get(RepositoryRow, repository_id, lock=True)
        if row is not None:
            _archive(uow, row)

    async def provisioned(self, uow: UnitOfWork, repository_id: UUID, first: CommitInfo) -> RepositoryRow | None:
        """Records what Git holds: the default branch, protected, at its first commit; None when nothing waited."""
        row = await uow.rows.get(RepositoryRow, repository_id, lock=True)
        if row is None or row.status != RepositoryStatus.PROVISIONING:
            return None
        row.status = RepositoryStatus.PROVISIONED.value
        branch = BranchRow(
            tenant_id=row.tenant_id,
            project_id=row.project_id,
            repository_id=row.id,
            name=row.default_branch,
            head_sha=first.sha,
            is_protected=True,
            trace_id=row.trace_id,
        )
        commit = commit_row(row, first, branch=row.default_branch, trace_id=row.trace_id)
        await uow.rows.add(branch, commit)
        tell = partial(record, uow, project_id=row.project_id, module_id=row.module_id)
        told = RepositoryProvisioned(default_branch=row.default_branch, head_sha=first.sha)
        tell(told, subject_id=row.id)
        created = BranchCreated(repository_id=row.id, name=branch.name, head_sha=first.sha)
        tell(created, subject_id=branch.id)
        written = CommitCreated(repository_id=row.id, branch=branch.name, sha=first.sha)
        tell(written, subject_id=commit.id)
        return row

    async def provisioning_failed(self, uow: UnitOfWork, repository_id: UUID, reason: str) -> None:
        """Records why; the name stays taken, and the delivery's replay tries again."""
        row = await uow.rows.get(RepositoryRow, repository_id, lock=True)
        if row is None or row.status != RepositoryStatus.PROVISIONING:
            return
        row.status, row.failure = RepositoryStatus.FAILED.value, reason
        event = RepositoryProvisioningFailed(reason=reason)
        record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id)

    async def provisioning_again(self, uow: UnitOfWork, repository_id: UUID) -> None:
        """A FAILED repository is PROVISIONING: its worker is handed it once more; the caller has authorised it."""
        row = await uow.rows.get(RepositoryRow, repository_id, lock=True)
        if row is not None and row.status == RepositoryStatus.FAILED:
            row.status, row.failure = RepositoryStatus.PROVISIONING.value, None

    async def maintained(self, uow: UnitOfWork, repository_id: UUID, due_at: datetime) -> None:
        """The next change plans the next maintenance."""
        await uow.source_control.maintained(repository_id, due_at)


async def _requested(uow: UnitOfWork, row: RepositoryRow) -> RepositoryRow:
    await uow.rows.add(row)
    event = RepositoryProvisioningRequested(name=row.name, kind=row.kind)
    record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id)
    return row


def _archive(uow: UnitOfWork, row: RepositoryRow) -> None:
    row.status = RepositoryStatus.ARCHIVED.value
    event = RepositoryArchived(name=row.name)
    record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id)


async def plan_maintenance(uow: UnitOfWork, repository: RepositoryRow) -> None:
    """An hour or so after the first change since the last maintenance, so that repositories do not march in step."""
    if repository.maintain_at is None:
        await uow.source_control.maintain_later(repository.id, now() + MAINTAIN_AFTER * random.uniform(0.75, 1.25))


def commit_row(
    repository: RepositoryRow, info: CommitInfo, *, branch: str, trace_id: str, artifact_id: UUID | None = None
) -> CommitRow:
    """The row of a commit as Git tells it."""
    return CommitRow(
        tenant_id=repository.tenant_id,
        project_id=repository.project_id,
        repository_id=repository.id,
        created_on_branch=branch,
        sha=info.sha,
        tree_hash=info.tree_hash,
        artifact_id=artifact_id,
        author_name=info.author.name,
        author_email=info.author.email,
        authored_at=info.author.when,
        message=info.message,
        parents=list(info.parents),
        files_changed=info.files_changed,
        insertions=info.insertions,
        deletions=info.deletions,
        trace_id=trace_id,
    )


def _branch(name: str) -> str:
    try:
        return check_branch_name(name)
    except InvalidBranchName as error:
        raise InvalidInput(str(error), field="defaultBranch") from error
