"""Carries one delivery: act, record, and what follows a failure; the only broad except."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

import structlog

from services.events.event import record
from services.events.platform import WorkerDeadLettered
from services.failpoints import Failpoints
from storage import event_log
from storage.engine import Database
from storage.queries.rows import anywhere
from storage.tables.operations import DeadLetterRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery, is_tick, of_event, of_tick, row_of
from workers.errors import Defer, Ignore, Retry, Stop, Superseded
from workers.execution import Execution
from workers.worker import TimedWorker, Worker

LONGEST_BACKOFF = 60.0
REASON = 2_000
_log = structlog.get_logger()


class Runtime:
    """Runs deliveries; each (worker, delivery) takes effect once, however often it is delivered."""

    def __init__(self, database: Database, workers: Sequence[Worker], failpoints: Failpoints) -> None:
        self._database = database
        self._failpoints = failpoints
        self.workers = {worker.name: worker for worker in workers}

    async def run(self, name: str, key: str, attempt: int) -> tuple[int, float] | None:
        """None when it is done; else the next attempt's number and the seconds to wait for it."""
        try:
            found = await self._begin(name, key)
            return None if found is None else await self._attempt(*found, attempt)
        except Superseded:
            _log.info("a newer execution carries on", worker=name, delivery=key)
            return None
        except Exception:
            _log.exception("not even the failure could be recorded; trying again", worker=name, delivery=key)
            return attempt, LONGEST_BACKOFF

    async def give_up(self, name: str, key: str, attempts: int, reason: str) -> None:
        """Makes a dead letter of a delivery that nobody carries any more; nothing when it is processed."""
        found = await self._begin(name, key)
        if found is not None:
            await self._dead_letter(*found, attempts, reason)

    async def _begin(self, name: str, key: str) -> tuple[Worker, Delivery, Execution] | None:
        worker = self.workers.get(name)
        delivery = None if worker is None else await self._delivery(worker, key)
        if worker is None or delivery is None:
            _log.warning("nothing carries this delivery", worker=name, delivery=key)
            return None
        execution = Execution(self._database, name, delivery)
        return (worker, delivery, execution) if await execution.begin() else None

    async def _delivery(self, worker: Worker, key: str) -> Delivery | None:
        async with self._database.reading(None) as session:
            if not is_tick(key):
                return of_event(await event_log.by_id(session, UUID(hex=key)))
            assert isinstance(worker, TimedWorker)
            row = await anywhere(session, worker.ticks_for, row_of(key))
            return None if row is None else of_tick(key, row)

    async def _attempt(
        self, worker: Worker, delivery: Delivery, execution: Execution, attempt: int
    ) -> tuple[int, float] | None:
        try:
            self._failpoints.reach("act:before")
            async with asyncio.timeout(worker.timeout):
                result = await worker.act(delivery, execution.progress)
            self._failpoints.reach("act:after")
            self._failpoints.reach("effect:before")
            await execution.finish(lambda uow: worker.record(uow, delivery, result))
            self._failpoints.reach("effect:after")
        except Ignore:
            await execution.finish(_nothing)
        except Defer as signal:
            return attempt, signal.after
        except Stop as signal:
            await self._dead_letter(worker, delivery, execution, attempt, str(signal))
        except Exception as error:
            return await self._failed(worker, delivery, execution, attempt, error)
        return None

    async def _failed(
        self, worker: Worker, delivery: Delivery, execution: Execution, attempt: int, error: Exception
    ) -> tuple[int, float] | None:
        reason = f"{type(error).__name__}: {error}" if str(error) else f"{type(error).__name__} ({worker.timeout} s)"
        _log.warning("worker failed", worker=worker.name, delivery=delivery.name, attempt=attempt, reason=reason)
        if attempt >= worker.attempts:
            await self._dead_letter(worker, delivery, execution, attempt, reason)
            return None
        after = error.after if isinstance(error, Retry) else None
        backoff = min(LONGEST_BACKOFF, 0.5 * 2.0 ** (attempt - 1)) * random.uniform(0.8, 1.2)
        return attempt + 1, backoff if after is None else after

    async def _dead_letter(
        self, worker: Worker, delivery: Delivery, execution: Execution, attempts: int, reason: str
    ) -> None:
        reason = reason[:REASON]

        async def bury(uow: UnitOfWork) -> None:
            await _bury(uow, worker.name, delivery, attempts, reason)
            await worker.on_dead_letter(uow, delivery, reason)

        try:
            await execution.finish(bury)
        except Exception:
            _log.exception("the aggregate's failure could not be recorded", worker=worker.name, delivery=delivery.name)
            await execution.finish(lambda uow: _bury(uow, worker.name, delivery, attempts, reason))


async def _nothing(uow: UnitOfWork) -> None:
    """A delivery without an effect."""


async def _bury(uow: UnitOfWork, worker: str, delivery: Delivery, attempts: int, reason: str) -> None:
    row = await uow.operations.dead_letter(worker, delivery.key)
    if row is None:
        row = DeadLetterRow(
            tenant_id=delivery.tenant_id,
            project_id=delivery.project_id,
            worker=worker,
            delivery=delivery.key,
            subject=delivery.subject,
            attempts=attempts,
            reason=reason,
        )
        uow.rows.put(row)
    row.status, row.attempts, row.reason = "OPEN", attempts, reason
    told = WorkerDeadLettered(worker=worker, delivery=delivery.name, reason=reason)
    record(uow, told, subject_id=row.id, project_id=delivery.project_id, module_id=delivery.module_id)
