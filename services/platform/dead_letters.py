"""DeadLetterService: hands what a worker gave up to it again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.errors import PreconditionFailed, absent
from services.events.event import record
from services.events.platform import DeliveryReplayed
from storage.ids import public_id
from storage.tables.operations import DeadLetterRow
from storage.unit_of_work import UnitOfWork


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

    async def replay(self, uow: UnitOfWork, actor: Actor, command: ReplayDelivery) -> DeadLetterRow:
        """The dead letter, REPLAYED; its event hands it out, and if it fails again it is OPEN again."""
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
        name = row.delivery if row.delivery.startswith("tick:") else f"evt-{row.delivery}"
        told = DeliveryReplayed(worker=row.worker, delivery=name, replay=row.replays)
        record(uow, told, subject_id=row.id, project_id=row.project_id)
        return row
