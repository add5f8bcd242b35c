"""Carries one delivery: act, record, and what follows a failure; the only broad except."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

import structlog

from services.events.event import record
from services.events.platform import WorkerDeadLettered
from storage import event_log
from storage.access import Access, Cause
from storage.engine import Database
from storage.errors import UniqueViolation
from storage.ids import public_id
from storage.tables.operations import DeadLetterRow, EventRow
from storage.unit_of_work import UnitOfWork, unit_of_work
from workers.errors import Defer, Ignore, Retry, Stop
from workers.worker import Worker

LONGEST_BACKOFF = 60.0
_log = structlog.get_logger()


class Runtime:
    """Runs deliveries; each (worker, event) takes effect once, however often it is delivered."""

    def __init__(self, database: Database, workers: Sequence[Worker]) -> None:
        self._database = database
        self.workers = {worker.name: worker for worker in workers}

    async def run(self, name: str, event_id: str, attempt: int) -> tuple[int, float] | None:
        """None when it is done; else the next attempt's number and the seconds to wait for it."""
        worker = self.workers[name]
        event = await self._event(UUID(hex=event_id))
        if await self._is_processed(worker, event):
            return None
        try:
            result = await asyncio.wait_for(worker.act(event), worker.timeout)
            await self._record(worker, event, result)
        except Ignore:
            await self._claim(worker, event)
        except Defer as signal:
            return attempt, signal.after
        except Stop as signal:
            await self._dead_letter(worker, event, attempt, str(signal))
        except Exception as error:
            return await self._failed(worker, event, attempt, error)
        return None

    async def _failed(
        self, worker: Worker, event: EventRow, attempt: int, error: Exception
    ) -> tuple[int, float] | None:
        reason = f"{type(error).__name__}: {error}"[:2_000]
        _log.warning("worker failed", worker=worker.name, delivery=event.event_id.hex, attempt=attempt, reason=reason)
        if attempt >= worker.attempts:
            await self._dead_letter(worker, event, attempt, reason)
            return None
        after = error.after if isinstance(error, Retry) else None
        backoff = min(LONGEST_BACKOFF, 0.5 * 2.0 ** (attempt - 1)) * random.uniform(0.8, 1.2)
        return attempt + 1, backoff if after is None else after

    async def _record(self, worker: Worker, event: EventRow, result: object) -> None:
        try:
            async with unit_of_work(self._database, _access(event), _cause(event)) as uow:
                await worker.record(uow, event, result)
                uow.operations.mark_processed(worker.name, event.event_id.hex)
                await uow.commit()
        except UniqueViolation:
            if not await self._is_processed(worker, event):
                raise

    async def _claim(self, worker: Worker, event: EventRow) -> None:
        async with unit_of_work(self._database, _access(event), _cause(event)) as uow:
            uow.operations.mark_processed(worker.name, event.event_id.hex)
            await uow.commit()

    async def _dead_letter(self, worker: Worker, event: EventRow, attempts: int, reason: str) -> None:
        async with unit_of_work(self._database, _access(event), _cause(event)) as uow:
            row = DeadLetterRow(
                tenant_id=event.tenant_id,
                worker=worker.name,
                delivery=event.event_id.hex,
                attempts=attempts,
                reason=reason,
            )
            uow.rows.put(row)
            told = WorkerDeadLettered(worker=worker.name, delivery=public_id("Event", event.event_id), reason=reason)
            record(uow, told, subject_id=row.id, project_id=event.project_id, module_id=event.module_id)
            await worker.on_dead_letter(uow, event, reason)
            uow.operations.mark_processed(worker.name, event.event_id.hex)
            await uow.commit()

    async def _event(self, event_id: UUID) -> EventRow:
        async with self._database.reading(None) as session:
            return await event_log.by_id(session, event_id)

    async def _is_processed(self, worker: Worker, event: EventRow) -> bool:
        access = _access(event)
        async with self._database.reading(access) as session:
            uow = UnitOfWork(session, access, _cause(event))
            return await uow.operations.is_processed(worker.name, event.event_id.hex)


def _access(event: EventRow) -> Access:
    return Access(tenant_id=event.tenant_id)


def _cause(event: EventRow) -> Cause:
    """What follows an event inherits its trace, its conversation and who answers for it."""
    return Cause(
        actor_id=event.actor_id,
        on_behalf_of=event.on_behalf_of,
        trace_id=event.trace_id,
        correlation_id=event.correlation_id,
        causation_id=public_id("Event", event.event_id),
    )
