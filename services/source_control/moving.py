"""How a branch moves: authorise, write, intend, swap, record.

The one place in services that opens units of work: a move spans two of them around the swap of a ref. Git is the truth:
whatever ends between the swap and the record, ``workers/adoption.py`` finishes the intent from what Git says.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar
from uuid import UUID

from providers.errors import ProviderError
from providers.git.errors import RefMoved
from providers.git.transport import GitTransport
from services.actor import Actor
from services.errors import Conflict
from services.failpoints import Failpoints
from services.source_control.git import Git, key_of, told
from services.source_control.observing import Observer
from services.source_control.recording import settle
from services.source_control.ref_moves import Arrival, Push, RefMove, Standing, cause_of, intent_of
from services.source_control.turns import BranchTurns
from storage.access import Access, Cause, IdempotencyKey
from storage.engine import Database
from storage.errors import Contended, UniqueViolation
from storage.tables.operations import EventRow
from storage.tables.scoped import TenantScoped
from storage.tables.source_control import RefIntentRow, RepositoryRow
from storage.unit_of_work import UnitOfWork, repeated, unit_of_work

PATIENCE_SECONDS: Final = 5.0
TURN_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 20.0
C = TypeVar("C", contravariant=True)
S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks for a move; ``traced`` when they named the trace themselves, so that it is not inherited."""

    actor: Actor
    cause: Cause
    key: IdempotencyKey | None = None
    traced: bool = False


@dataclass(frozen=True, kw_only=True)
class Moved:
    """The node and the events that were written; none when everything stood already."""

    node: TenantScoped
    events: list[EventRow]


class Decision(Protocol[C, S]):
    """What one kind of command decides of a move."""

    async def claims(self, uow: UnitOfWork, command: C) -> tuple[UUID, Iterable[str]]:
        """The repository, and the branches that stand still meanwhile."""
        ...

    async def authorise(self, uow: UnitOfWork, actor: Actor, command: C) -> S:
        """What the rows say; asked before objects are written and again in the intent's transaction."""
        ...

    async def write(self, actor: Actor, command: C, sight: S) -> RefMove | Push | Standing:
        """The move, its objects written; or what finds the row that makes it needless."""
        ...


class Moving:
    """Moves of one branch take turns in the order they came; a caller that goes away leaves no move half done."""

    def __init__(
        self, database: Database, git: Git, transport: GitTransport, turns: BranchTurns, failpoints: Failpoints
    ) -> None:
        self._database = database
        self._git = git
        self._transport = transport
        self._observer = Observer(git, transport)
        self._turns = turns
        self._failpoints = failpoints
        self._under_way: set[asyncio.Task[Moved]] = set()

    async def move(self, decision: Decision[C, S], caller: Caller, command: C) -> Moved:
        """Carries the command out; the errors of ``services.errors`` when it cannot be."""
        async with self._reading(caller) as uow:
            repository_id, branches = await decision.claims(uow, command)
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await turn.enter_async_context(self._turns.of(repository_id, branches))
            except TimeoutError as error:
                raise Conflict(
                    f"other commands are moving the branch for over {TURN_SECONDS:.0f} s: try again", field="branch"
                ) from error
            task = asyncio.create_task(self._in_turn(turn.pop_all(), decision, caller, command))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _in_turn(self, turn: AsyncExitStack, decision: Decision[C, S], caller: Caller, command: C) -> Moved:
        """Another process may move the branch meanwhile: then everything is decided again, for some seconds."""
        async with turn:
            started, pause = time.monotonic(), 0.02
            while True:
                try:
                    return await self._once(decision, caller, command)
                except _Overtaken as overtaken:
                    if time.monotonic() - started > PATIENCE_SECONDS:
                        raise Conflict(
                            f"branch {overtaken.branch!r} is being moved by other commands: try again", field="branch"
                        ) from overtaken
                await asyncio.sleep(pause)
                pause = min(2 * pause, 0.5)

    async def _once(self, decision: Decision[C, S], caller: Caller, command: C) -> Moved:
        async with self._reading(caller) as uow:
            sight = await decision.authorise(uow, caller.actor, command)
        self._failpoints.reach("write:before")
        written = await decision.write(caller.actor, command, sight)
        self._failpoints.reach("write:after")
        if not isinstance(written, RefMove | Push):
            try:
                return await self._stands(caller, written)
            except RefMoved as error:
                raise _Overtaken(error.branch) from error
        moves = (written,) if isinstance(written, RefMove) else written.moves
        cause = caller.cause
        if moves and moves[0].trace_id is not None and not caller.traced:
            cause = replace(cause, trace_id=moves[0].trace_id)
        intents = [intent_of(move, cause, caller.key) for move in moves]
        self._failpoints.reach("intend:before")
        try:
            async with unit_of_work(self._database, caller.actor.access, cause) as uow:
                await decision.authorise(uow, caller.actor, command)
                for intent in intents:
                    uow.rows.put(intent)
                await uow.commit()
        except (UniqueViolation, Contended) as error:
            raise _Overtaken(moves[0].branch) from error
        self._failpoints.reach("intend:after")
        await self._swap(written, intents)
        return await self._record(written, list(zip(intents, moves, strict=True)), caller)

    async def _swap(self, written: RefMove | Push, intents: Sequence[RefIntentRow]) -> None:
        self._failpoints.reach("swap:before")
        try:
            if isinstance(written, RefMove):
                key = key_of(written.repository)
                await self._git.swap(key, written.branch, old=written.old_sha, new=written.new_sha)
            else:
                await self._transport.swap_all(key_of(written.repository), written.updates)
        except ProviderError as error:
            for intent in intents:
                await self.finish(intent)
            if isinstance(error, RefMoved):
                raise _Overtaken(error.branch) from error
            with told():
                raise
        self._failpoints.reach("swap:after")

    async def _record(
        self, written: RefMove | Push, intended: Sequence[tuple[RefIntentRow, RefMove]], caller: Caller
    ) -> Moved:
        if not intended:
            return Moved(node=written.repository, events=[])

        async def settled() -> Moved:
            async with unit_of_work(self._database, caller.actor.access, cause_of(intended[0][0])) as uow:
                for intent, move in intended:
                    arrival = Arrival(commits=move.commits, merges=move.merges)
                    node = await settle(uow, intent, move.repository, arrival)
                    await asyncio.sleep(0)  # between the branches of a large push others are served
                return Moved(node=node, events=await uow.commit())

        self._failpoints.reach("record:before")
        # a reader, or adoption, may have recorded one of the commits at the same moment
        moved = await repeated(settled, on=(Contended, UniqueViolation))
        self._failpoints.reach("record:after")
        return moved

    async def finish(self, intent: RefIntentRow) -> None:
        """Settles an intent that is left over, from what Git says."""
        access, cause = Access(tenant_id=intent.tenant_id), cause_of(intent)
        async with self._database.reading(access) as session:
            queries = UnitOfWork(session, access, cause).source_control
            known = await queries.heads(intent.repository_id)
            open_ = await queries.open_pull_requests_of(intent.repository_id, intent.branch)
        arrival = await self._observer.arrival(intent, known, open_)
        async with unit_of_work(self._database, access, cause) as uow:
            repository = await uow.rows.get(RepositoryRow, intent.repository_id)
            if arrival is None or repository is None:
                await uow.source_control.close_intent(intent.id)
            elif await uow.source_control.is_open_intent(intent.id):
                await settle(uow, intent, repository, arrival)
            await uow.commit()

    async def idle(self, seconds: float = IDLE_SECONDS) -> int:
        """Until every move under way is recorded; how many took too long and are left to adoption."""
        if not self._under_way:
            return 0
        _, late = await asyncio.wait(self._under_way, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)

    async def _stands(self, caller: Caller, standing: Standing) -> Moved:
        async with unit_of_work(self._database, caller.actor.access, caller.cause) as uow:
            node = await standing(uow)
            if caller.key is not None:
                uow.remember(caller.key, node.type_name, node.id)
            await uow.commit()
        return Moved(node=node, events=[])

    @asynccontextmanager
    async def _reading(self, caller: Caller) -> AsyncIterator[UnitOfWork]:
        access = caller.actor.access
        async with self._database.reading(access) as session:
            yield UnitOfWork(session, access, caller.cause)


class _Overtaken(Exception):
    """Another process moves, or has moved, the branch."""

    def __init__(self, branch: str) -> None:
        super().__init__(branch)
        self.branch = branch
