"""How a command is carried out: once per key, in one unit of work, with foreseen failures as data."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from resolvers.context import Context
from schema.commands import Command
from schema.errors import UserError, user_error
from schema.events import Event, event_of
from schema.types import TYPES
from services.errors import IdempotencyMismatch, NotFound, SlipwayError, of_storage
from services.names import trace, words
from storage import event_log
from storage.access import Access, IdempotencyKey
from storage.errors import StorageError
from storage.tables.operations import IdempotencyRow
from storage.tables.scoped import TenantScoped
from storage.unit_of_work import UnitOfWork, repeated, unit_of_work

R = TypeVar("R", bound=TenantScoped)
_turns: WeakValueDictionary[tuple[UUID, UUID, str], asyncio.Lock] = WeakValueDictionary()


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[R]):
    """The node and what was written; ``secret`` is what is told once and never again."""

    node: Any
    events: list[Event]
    errors: list[UserError]
    secret: str | None = None


async def carry_out(
    context: Context,
    input: Any,
    decide: Callable[[UnitOfWork, Any], Awaitable[Any]],
    *,
    access: Access | None = None,
) -> Outcome[Any]:
    """Runs ``decide(uow, command)`` and commits; it answers a row, or a row and its secret."""
    try:
        key = idempotency_key(context, input)
        reach = access or context.actor.access
        return await once(context, key, lambda: repeated(lambda: _commit(context, input, decide, reach, key)))
    except SlipwayError as error:
        return Outcome(node=None, events=[], errors=[user_error(error)])


async def once(
    context: Context, key: IdempotencyKey | None, attempt: Callable[[], Awaitable[Outcome[Any]]]
) -> Outcome[Any]:
    """The outcome of the key, else of the attempt; of the key again when another process was quicker with it."""
    async with turn(context, key):
        if key is not None and (known := await known_outcome(context, key)) is not None:
            return known
        try:
            return await attempt()
        except (SlipwayError, StorageError) as error:
            if key is not None and (known := await known_outcome(context, key)) is not None:
                return known
            told = of_storage(error) if isinstance(error, StorageError) else None
            if told is None:
                raise
            raise told from error


async def _commit(
    context: Context,
    input: Any,
    decide: Callable[[UnitOfWork, Any], Awaitable[Any]],
    access: Access,
    key: IdempotencyKey | None,
) -> Outcome[Any]:
    command = input.to_command()
    cause = context.cause(trace(input.trace_id))
    async with unit_of_work(context.database, access, cause) as uow:
        made = await decide(uow, command)
        row, secret = made if isinstance(made, tuple) else (made, None)
        if key is not None:
            uow.remember(key, row.type_name, row.id)
        context.failpoints.reach("commit:before")
        events = await uow.commit()
        context.failpoints.reach("commit:after")
    own = [event_of(event) for event in events if event.tenant_id == access.tenant_id]
    return Outcome(node=TYPES[row.type_name][0].of(row), events=own, errors=[], secret=secret)


def idempotency_key(context: Context, input: Command) -> IdempotencyKey | None:
    """The client's key with the hash of the whole input, or None."""
    if input.idempotency_key is None:
        return None
    words(input.idempotency_key, "idempotencyKey", most=200, least=1)
    body = hashlib.sha256(repr((type(input).__name__, input)).encode()).hexdigest()
    return IdempotencyKey(identity_id=context.actor.identity_id, key=input.idempotency_key, body_hash=body)


@asynccontextmanager
async def turn(context: Context, key: IdempotencyKey | None) -> Any:
    """Commands with the same key take turns, so that the second finds the outcome of the first."""
    if key is None:
        yield
        return
    name = (context.actor.tenant_id, key.identity_id, key.key)
    lock = _turns.setdefault(name, asyncio.Lock())
    async with lock:
        yield


async def known_outcome(context: Context, key: IdempotencyKey) -> Outcome[Any] | None:
    """The committed outcome of the key, resolved as the node is now."""
    access = context.actor.access
    async with context.database.reading(access) as session:
        uow = UnitOfWork(session, access, context.cause(None))
        record: IdempotencyRow | None = await uow.operations.outcome(key.identity_id, key.key)
        if record is None:
            return None
        if record.body_hash != key.body_hash:
            raise IdempotencyMismatch(
                f"idempotencyKey {key.key!r} was used with another content: use a new key", field="idempotencyKey"
            )
        events = await event_log.by_ids(session, access, [UUID(hex=item) for item in record.event_ids])
    type_, kind = TYPES[record.node_type]
    if record.node_type == "Tenant":  # whose maker, an operator, sees it nowhere else
        access = Access(tenant_id=record.node_id)
    async with context.database.reading(access) as session:
        row = await UnitOfWork(session, access, context.cause(None)).rows.get(kind, record.node_id)
    if row is None:
        raise NotFound("what this key made is out of your sight now")
    return Outcome(node=type_.of(row), events=[event_of(event) for event in events], errors=[])
