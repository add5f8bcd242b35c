"""Queries and mutations of what workers gave up."""

import strawberry

from resolvers.commands import mutation
from resolvers.context import Info
from resolvers.execution import carry_out
from schema.connections import Connection, every
from schema.dead_letters import DeadLetter, ReplayDeliveryInput, ReplayDeliveryPayload
from services.platform.dead_letters import ReplayDelivery


@strawberry.type
class DeadLetterQuery:
    """What needs an operator."""

    dead_letters: Connection[DeadLetter] = every("DeadLetter", Connection[DeadLetter], "What workers gave up.")


@strawberry.type
class DeadLetterMutation:
    """What operators do."""

    @mutation(ReplayDelivery, "Hand a dead letter to its worker again.")
    async def replay_delivery(self, info: Info, input: ReplayDeliveryInput) -> ReplayDeliveryPayload:
        """One service call; the event that it records is what starts the worker."""
        context = info.context
        replay = context.services.dead_letters.replay
        done = await carry_out(context, input, lambda uow, command: replay(uow, context.actor, command))
        return ReplayDeliveryPayload(dead_letter=done.node, events=done.events, errors=done.errors)
