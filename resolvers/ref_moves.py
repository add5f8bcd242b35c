"""How a command that moves a branch is carried out: authorise, write, intend, swap, record."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from resolvers.context import Context
from resolvers.execution import Outcome, idempotency_key, known_outcome, turn
from schema.errors import user_error
from schema.events import event_of
from schema.types import TYPES
from services.errors import SlipwayError
from services.names import trace
from services.source_control.git import told
from services.source_control.ref_moves import RefMove, busy, cause_of
from storage.access import IdempotencyKey
from storage.errors import UniqueViolation
from storage.tables.source_control import RefIntentRow
from storage.unit_of_work import UnitOfWork, unit_of_work

_queues: WeakValueDictionary[tuple[UUID, str], asyncio.Lock] = WeakValueDictionary()

Authorise = Callable[[UnitOfWork, Any], Awaitable[Any]]
Write = Callable[[Any, Any], Awaitable[Any]]


async def carry_move(context: Context, input: Any, branch: str, authorise: Authorise, write: Write) -> Outcome[Any]:
    """Moves of one branch take turns in the order they came; a request that is cut off still finishes its move."""
    try:
        key = idempotency_key(context, input)
        command = input.to_command()
        async with turn(context, key):
            if key is not None and (known := await known_outcome(context, key)) is not None:
                return known
            name = (getattr(command, "repository_id", context.actor.tenant_id), branch)
            async with _queues.setdefault(name, asyncio.Lock()):
                return await asyncio.shield(_move(context, input, command, key, authorise, write))
    except SlipwayError as error:
        return Outcome(node=None, events=[], errors=[user_error(error)])


async def _move(
    context: Context, input: Any, command: Any, key: IdempotencyKey | None, authorise: Authorise, write: Write
) -> Outcome[Any]:
    access, cause = context.actor.access, context.cause(trace(input.trace_id))
    async with context.database.reading(access) as session:
        sight = await authorise(UnitOfWork(session, access, cause), command)
    move = await write(command, sight)
    if not isinstance(move, RefMove):
        return Outcome(node=TYPES[move.type_name][0].of(move), events=[], errors=[])
    if input.trace_id is None and move.trace_id is not None:
        cause = context.cause(move.trace_id)
    moves = context.services.ref_moves
    try:
        async with unit_of_work(context.database, access, cause) as uow:
            await authorise(uow, command)
            intent = await moves.intend(uow, move, key)
            await uow.commit()
    except UniqueViolation as error:
        raise busy(move.branch) from error
    try:
        with told():
            await moves.swap(intent)
    finally:
        outcome = await _record(context, intent)
    return outcome


async def _record(context: Context, intent: RefIntentRow) -> Outcome[Any]:
    moves, access = context.services.ref_moves, context.actor.access
    seen = await moves.observe(intent)
    async with unit_of_work(context.database, access, cause_of(intent)) as uow:
        node = await moves.settle(uow, intent, seen)
        events = await uow.commit()
    if node is None:
        return Outcome(node=None, events=[], errors=[user_error(busy(intent.branch))])
    told_events = [event_of(event) for event in events]
    return Outcome(node=TYPES[node.type_name][0].of(node), events=told_events, errors=[])
