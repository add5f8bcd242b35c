"""Types, inputs and payloads of the machinery: what workers gave up."""

from datetime import datetime
from typing import ClassVar

import strawberry

from schema.commands import Command, Payload
from schema.mapping import Listing, Node, column, id_of
from services.platform.dead_letters import DeadLetterStatus, ReplayDelivery

strawberry.enum(DeadLetterStatus, description="A REPLAYED one that fails again is OPEN again.")


@strawberry.type(description="A delivery whose last attempt failed.")
class DeadLetter(Node):
    """What it was about has recorded its own failure beside it."""

    listing: ClassVar = Listing(filter=("worker", "status"))
    worker: str = column("worker", "The worker that gave it up.")
    delivery: str = column("delivery", "The event's id without its prefix, or the tick's name.")
    subject_id: strawberry.ID | None = column("subject", "Id of what it was about.")
    attempts: int = column("attempts", "How often it was tried.")
    reason: str = column("reason", "Why the last attempt failed.")
    status: DeadLetterStatus = column("status", "OPEN until it is replayed.")
    replays: int = column("replays", "How often it was replayed.")
    created_at: datetime = column("created_at", "When it was given up first.")
    updated_at: datetime = column("updated_at", "When it last changed.")


@strawberry.input(description="Hand a dead letter to its worker again.")
class ReplayDeliveryInput(Command):
    """Only an OPEN one."""

    dead_letter_id: strawberry.ID

    def to_command(self) -> ReplayDelivery:
        """Frozen."""
        return ReplayDelivery(dead_letter_id=id_of(self.dead_letter_id, "DeadLetter", "deadLetterId"))


@strawberry.type(description="The dead letter.")
class ReplayDeliveryPayload(Payload):
    """Null when refused."""

    dead_letter: DeadLetter | None = strawberry.field(default=None, description="The dead letter, now REPLAYED.")
