"""DeadLetterService: hands what a worker gave up to it again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.errors import PreconditionFailed, absent
from services.events.event import record
from services.events.platform import DeliveryReplayed
from services.platform.environments import EnvironmentService
from services.source_control.repositories import RepositoryService
from storage.ids import parse_id, public_id
from storage.tables.operations import DeadLetterRow
from storage.unit_of_work import UnitOfWork

PROVISIONING: Final = "RepositoryProvisioningWorker"


class DeadLetterStatus(StrEnum):
    """Whether an operator has handed it to its worker again."""

    OPEN = "OPEN"
    REPLAYED = "REPLAYED"


@dataclass(frozen=True, kw_only=True)
class ReplayDelivery:
    """Runs a dead letter again."""

    needs: ClassVar = Needs(scope=Scope.ADMIN)
    dead_letter_id: UUID


class DeadLetterService:
    """Owns dead letters; workers write them, operators replay them."""

    def __init__(self, repositories: RepositoryService, environments: EnvironmentService) -> None:
        self._repositories = repositories
        self._environments = environments

    async def replay(self, uow: UnitOfWork, actor: Actor, command: ReplayDelivery) -> DeadLetterRow:
        """The dead letter, REPLAYED; its event hands it out, and if it fails again it is OPEN again.

        What its worker was making waits to be made again.
        """
        actor.require(command.needs)
        row = await uow.rows.get(DeadLetterRow, command.dead_letter_id, lock=True)
        if row is None:
            raise absent("dead letter", public_id("DeadLetter", command.dead_letter_id), field="deadLetterId")
        if row.status != DeadLetterStatus.OPEN:
            raise PreconditionFailed(
                "the dead letter is REPLAYED: only an OPEN one is handed out", field="deadLetterId"
            )
        row.status, row.replays = DeadLetterStatus.REPLAYED.value, row.replays + 1
        await uow.operations.forget_processed(row.worker, row.delivery)
        await self._take_back(uow, row)
        name = row.delivery if row.delivery.startswith("tick:") else f"evt-{row.delivery}"
        told = DeliveryReplayed(worker=row.worker, delivery=name, replay=row.replays)
        record(uow, told, subject_id=row.id, project_id=row.project_id)
        return row

    async def _take_back(self, uow: UnitOfWork, row: DeadLetterRow) -> None:
        if row.worker == PROVISIONING and row.subject is not None:
            _, repository_id = parse_id(row.subject)
            await self._repositories.provisioning_again(uow, repository_id)
            await self._environments.repository_asked_again(uow, repository_id)
