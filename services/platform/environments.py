"""EnvironmentService: the places where modules run, each with a repository for its desired state."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.changes import KEEP, Keep, apply, required
from services.errors import Conflict, InvalidInput, PreconditionFailed, absent
from services.events.event import Event, record
from services.events.platform import EnvironmentArchived, EnvironmentDeclared, EnvironmentUpdated
from services.names import slug
from services.source_control.repositories import RepositoryService
from storage.ids import public_id
from storage.tables.platform import EnvironmentRow, ProjectRow
from storage.unit_of_work import UnitOfWork

LAST = 1_000
DRIFT_INTERVAL_MS = (1_000, 86_400_000)
LONGEST_NAME = 59


class EnvironmentStatus(StrEnum):
    """DECLARED until its repository stands."""

    DECLARED = "DECLARED"
    READY = "READY"
    FAILED = "FAILED"
    ARCHIVED = "ARCHIVED"


class Driver(StrEnum):
    """What runs an environment's modules."""

    LOCAL = "LOCAL"


class Promotion(StrEnum):
    """Whether a release moves in by itself once its gates are open, or when somebody says so."""

    AUTO = "AUTO"
    MANUAL = "MANUAL"


@dataclass(frozen=True, kw_only=True)
class DeclareEnvironment:
    """Declares an environment; without ``order`` it comes last in its project."""

    needs: ClassVar = Needs(scope=Scope.ENVIRONMENTS_WRITE)
    project_id: UUID
    name: str
    order: int | None = None
    driver: Driver = Driver.LOCAL
    promotion: Promotion = Promotion.MANUAL
    requires_approval: bool = False
    self_heal: bool = True
    auto_rollback: bool = True
    allow_direct_push: bool = False
    drift_interval_ms: int = 30_000


@dataclass(frozen=True, kw_only=True)
class UpdateEnvironment:
    """Changes what is not KEEP; nothing of an environment can be null."""

    needs: ClassVar = Needs(scope=Scope.ENVIRONMENTS_WRITE)
    environment_id: UUID
    order: int | Keep | None = KEEP
    promotion: Promotion | Keep | None = KEEP
    requires_approval: bool | Keep | None = KEEP
    self_heal: bool | Keep | None = KEEP
    auto_rollback: bool | Keep | None = KEEP
    allow_direct_push: bool | Keep | None = KEEP
    drift_interval_ms: int | Keep | None = KEEP


@dataclass(frozen=True, kw_only=True)
class ArchiveEnvironment:
    """Ends an environment; its repository becomes read-only."""

    needs: ClassVar = Needs(scope=Scope.ENVIRONMENTS_WRITE)
    environment_id: UUID


class EnvironmentService:
    """Owns environments."""

    def __init__(self, repositories: RepositoryService) -> None:
        self._repositories = repositories

    async def declare(self, uow: UnitOfWork, actor: Actor, command: DeclareEnvironment) -> EnvironmentRow:
        """The environment, DECLARED until its repository, asked for in this same commit, stands."""
        actor.require(command.needs)
        if await uow.rows.get(ProjectRow, command.project_id, lock=True) is None:
            raise absent("project", public_id("Project", command.project_id), field="projectId")
        name = slug(command.name, "name")
        if len(name) > LONGEST_NAME:
            raise InvalidInput(f"name has {len(name)} characters: at most {LONGEST_NAME} would pass", field="name")
        if await uow.rows.find(EnvironmentRow, project_id=command.project_id, name=name) is not None:
            raise Conflict(f"an environment named {name!r} exists already in this project", field="name")
        position = await self._place(uow, command.project_id, command.order)
        repository = await self._repositories.provision_for_environment(
            uow, project_id=command.project_id, environment=name, allow_direct_push=command.allow_direct_push
        )
        row = EnvironmentRow(
            tenant_id=uow.tenant_id,
            project_id=command.project_id,
            name=name,
            position=position,
            driver=command.driver.value,
            repository_id=repository.id,
            promotion=command.promotion.value,
            requires_approval=command.requires_approval,
            self_heal=command.self_heal,
            auto_rollback=command.auto_rollback,
            allow_direct_push=command.allow_direct_push,
            drift_interval_ms=_interval(command.drift_interval_ms),
            status=EnvironmentStatus.DECLARED.value,
        )
        await uow.rows.add(row)
        _tell(uow, row, EnvironmentDeclared(name=row.name, order=row.position, repository_id=repository.id))
        return row

    async def update(self, uow: UnitOfWork, actor: Actor, command: UpdateEnvironment) -> EnvironmentRow:
        """The environment as it is now; nothing is recorded when nothing changed."""
        actor.require(command.needs)
        row = await living(uow, command.environment_id)
        if command.order is not KEEP and command.order != row.position:
            await uow.rows.get(ProjectRow, row.project_id, lock=True)
            await self._place(uow, row.project_id, required(command.order, "order"))
        promotion, interval = command.promotion, command.drift_interval_ms
        wanted = {
            "position": command.order,
            "promotion": promotion if promotion is KEEP else required(promotion, "promotion").value,
            "requires_approval": _kept(command.requires_approval, "requiresApproval"),
            "self_heal": _kept(command.self_heal, "selfHeal"),
            "auto_rollback": _kept(command.auto_rollback, "autoRollback"),
            "allow_direct_push": _kept(command.allow_direct_push, "allowDirectPush"),
            "drift_interval_ms": interval if interval is KEEP else _interval(required(interval, "driftIntervalMs")),
        }
        changed = apply(row, wanted)
        if "allow_direct_push" in changed:
            await self._repositories.allow_direct_push(uow, row.repository_id, row.allow_direct_push)
        if changed:
            _tell(uow, row, EnvironmentUpdated(changed=tuple("order" if n == "position" else n for n in changed)))
        return row

    async def archive(self, uow: UnitOfWork, actor: Actor, command: ArchiveEnvironment) -> EnvironmentRow:
        """The archived environment; archiving it again changes nothing."""
        actor.require(command.needs)
        row = await _locked(uow, command.environment_id)
        if row.status == EnvironmentStatus.ARCHIVED:
            return row
        if row.status == EnvironmentStatus.DECLARED:
            raise PreconditionFailed(
                "the environment's repository is being made: wait for EnvironmentUpdated", field="environmentId"
            )
        await self._repositories.archive_for_environment(uow, row.repository_id)
        row.status = EnvironmentStatus.ARCHIVED.value
        _tell(uow, row, EnvironmentArchived(name=row.name))
        return row

    async def repository_made(self, uow: UnitOfWork, repository_id: UUID, *, failed: bool) -> None:
        """Follows the environment's repository; nothing for a repository of a module."""
        row = await uow.rows.find(EnvironmentRow, repository_id=repository_id)
        status = EnvironmentStatus.FAILED if failed else EnvironmentStatus.READY
        if row is None or row.status in (EnvironmentStatus.ARCHIVED, status):
            return
        row.status = status.value
        _tell(uow, row, EnvironmentUpdated(changed=("status",)))

    async def repository_asked_again(self, uow: UnitOfWork, repository_id: UUID) -> None:
        """A FAILED environment is DECLARED until its repository, which is asked for once more, is made."""
        row = await uow.rows.find(EnvironmentRow, repository_id=repository_id)
        if row is not None and row.status == EnvironmentStatus.FAILED:
            row.status = EnvironmentStatus.DECLARED.value
            _tell(uow, row, EnvironmentUpdated(changed=("status",)))

    async def _place(self, uow: UnitOfWork, project_id: UUID, order: int | None) -> int:
        """The place that was asked for, or the next free one; the project must be locked."""
        rows = await uow.rows.all(EnvironmentRow, project_id=project_id)
        taken = {row.position: row.name for row in rows if row.status != EnvironmentStatus.ARCHIVED}
        place = max(taken, default=0) + 1 if order is None else order
        if not 1 <= place <= LAST:
            raise InvalidInput(f"order {place} is not within 1 to {LAST}", field="order")
        if place in taken:
            raise Conflict(f"order {place} is that of {taken[place]!r}: choose another", field="order")
        return place


async def living(uow: UnitOfWork, environment_id: UUID) -> EnvironmentRow:
    """The environment, locked; PreconditionFailed when it is archived."""
    row = await _locked(uow, environment_id)
    if row.status == EnvironmentStatus.ARCHIVED:
        raise PreconditionFailed(f"environment {row.name!r} is archived", field="environmentId")
    return row


async def _locked(uow: UnitOfWork, environment_id: UUID) -> EnvironmentRow:
    row = await uow.rows.get(EnvironmentRow, environment_id, lock=True)
    if row is None:
        raise absent("environment", public_id("Environment", environment_id), field="environmentId")
    return row


def _tell(uow: UnitOfWork, row: EnvironmentRow, event: Event) -> None:
    record(uow, event, subject_id=row.id, project_id=row.project_id)


def _kept(value: bool | Keep | None, field: str) -> bool | Keep:
    return value if value is KEEP else required(value, field)


def _interval(value: int) -> int:
    least, most = DRIFT_INTERVAL_MS
    if not least <= value <= most:
        raise InvalidInput(f"driftIntervalMs {value} is not within {least} to {most}", field="driftIntervalMs")
    return value
