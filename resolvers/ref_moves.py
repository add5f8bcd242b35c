"""How a command that moves a branch is carried out: once per key, by ``services/source_control/moving.py``."""

from typing import Any

from resolvers.context import Context
from resolvers.execution import Outcome, idempotency_key, once
from schema.errors import user_error
from schema.events import event_of
from schema.types import TYPES
from services.errors import SlipwayError
from services.names import trace
from services.source_control.moving import Caller, Decision


async def carry_move(context: Context, input: Any, decision: Decision[Any, Any]) -> Outcome[Any]:
    """The outcome of the move, or of the command that had the same key before."""
    try:
        key = idempotency_key(context, input)
        cause = context.cause(trace(input.trace_id))
        caller = Caller(actor=context.actor, cause=cause, key=key, traced=input.trace_id is not None)
        command = input.to_command()
        return await once(context, key, lambda: _move(context, decision, caller, command))
    except SlipwayError as error:
        return Outcome(node=None, events=[], errors=[user_error(error)])


async def _move(context: Context, decision: Decision[Any, Any], caller: Caller, command: Any) -> Outcome[Any]:
    moved = await context.services.moving.move(decision, caller, command)
    node = TYPES[moved.node.type_name][0].of(moved.node)
    return Outcome(node=node, events=[event_of(event) for event in moved.events], errors=[])
