"""PipelineMonitorWorker: queues what moves start, and drives what is queued."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final
from uuid import UUID

from providers.errors import ProviderError
from providers.pipelines.errors import PipelineInvalid, RunLost
from providers.pipelines.executor import PipelineExecutor
from providers.pipelines.values import Change, Ended, FailureReason, RunKey, RunOrder, Status
from services.pipelines.execution import PipelineExecutionService
from services.pipelines.orders import RunOrders
from services.pipelines.results import BuildResultService
from services.pipelines.runs import FINISHED, RunStatus
from services.pipelines.triggers import Moved, TriggerService
from storage.engine import Database
from storage.ids import new_id, parse_id
from storage.tables.operations import EventRow
from storage.tables.pipelines import PipelineDefinitionRow, PipelineRunRow
from storage.tables.source_control import PullRequestRow, RepositoryRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery
from workers.errors import Defer, Ignore
from workers.worker import Progress

DAY: Final = 86_400.0
CANCEL_POLL_SECONDS: Final = 1.0
HELD_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A run that an execution which is gone had started."""

    why: str


Result = Moved | Ended | Lost


class PipelineMonitorWorker:
    """The one who drives a run holds its delivery; a run that it finds started by another is lost.

    A day bounds a run with its wait for a slot; what runs has timeouts of its own.
    """

    name: ClassVar[str] = "PipelineMonitorWorker"
    wakes_on: ClassVar[tuple[str, ...]] = (
        "BranchCreated",
        "BranchUpdated",
        "PullRequestOpened",
        "PullRequestUpdated",
        "PipelineRunQueued",
    )
    attempts: ClassVar[int] = 3
    timeout: ClassVar[float] = DAY

    def __init__(
        self,
        database: Database,
        executor: PipelineExecutor,
        triggers: TriggerService,
        orders: RunOrders,
        execution: PipelineExecutionService,
        results: BuildResultService,
    ) -> None:
        self._database = database
        self._executor = executor
        self._triggers = triggers
        self._orders = orders
        self._execution = execution
        self._results = results
        self._cancels: dict[str, asyncio.Event] = {}
        self._driven: set[RunKey] = set()
        database.heard.append(self._hear)

    def wants(self, event: EventRow) -> bool:
        """All of them: whether a repository has a pipeline only its rows tell."""
        return True

    async def concerns(self, delivery: Delivery) -> bool:
        """Whether the move starts a run, as far as Git answers."""
        if delivery.subject_type == "PipelineRun":
            return True
        try:
            moved = await self._moved(delivery)
            return moved is not None and await self._triggers.starts(moved)
        except (ProviderError, TimeoutError):
            return True

    def _hear(self, rows: Sequence[EventRow]) -> None:
        for row in rows:
            if row.event_type == "PipelineRunCancellationRequested" and row.subject_id.hex in self._cancels:
                self._cancels[row.subject_id.hex].set()

    async def act(self, delivery: Delivery, progress: Progress) -> Result:
        """A run is driven to its end; any other event is looked at for what it starts."""
        if delivery.subject_type == "PipelineRun":
            return await self._drive(delivery, progress)
        moved = await self._moved(delivery)
        if moved is None or not await self._triggers.starts(moved):
            raise Ignore("nothing is started by it")
        return moved

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: Result) -> None:
        """The run that was started, or how one ended."""
        if isinstance(result, Moved):
            await self._triggers.queue(uow, result)
        elif isinstance(result, Lost):
            await self._execution.lost(uow, delivery.subject_id, result.why)
        else:
            await self._execution.finished(uow, delivery.subject_id, result)

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """The run is FAILED, and says why; of a trigger that could not be looked at nothing waits."""
        if delivery.subject_type == "PipelineRun":
            ended = Ended(status=Status.FAILED, failure_reason=FailureReason.EXECUTOR_FAILED, failure=reason)
            await self._execution.finished(uow, delivery.subject_id, ended)

    async def _moved(self, delivery: Delivery) -> Moved | None:
        async with self._reading(delivery) as uow:
            if delivery.subject_type == "PullRequest":
                return await _of_pull_request(uow, delivery)
            told = delivery.payload
            found = await _pipeline_of(uow, parse_id(str(told["repositoryId"]))[1])
            if found is None:
                return None
            old = told.get("oldSha")
            return Moved(
                repository=found[0],
                pipeline=found[1],
                branch=str(told["name"]),
                old_sha=None if old is None else str(old),
                sha=str(told["headSha"]),
                trace_id=delivery.cause.trace_id,
            )

    async def _drive(self, delivery: Delivery, progress: Progress) -> Ended | Lost:
        """The same delivery again, while this process carries it, waits for how that goes."""
        key = RunKey(tenant_id=delivery.tenant_id, run_id=delivery.subject_id)
        if key in self._driven:
            raise Defer("another execution drives it", after=HELD_SECONDS)
        self._driven.add(key)
        try:
            return await self._in_turn(delivery, key, progress)
        finally:
            self._driven.discard(key)

    async def _in_turn(self, delivery: Delivery, key: RunKey, progress: Progress) -> Ended | Lost:
        if not await self._waits(delivery):
            return await self._left(delivery, key, progress)
        async with self._executor.turn(key.tenant_id):
            order = await self._order(delivery)
            if not await progress("started", partial(self._started, delivery)):
                return await self._left(delivery, key, progress)
            return order if isinstance(order, Ended) else await self._ran(delivery, order, progress)

    async def _waits(self, delivery: Delivery) -> bool:
        """Whether nobody has started it; Ignore when it is over."""
        async with self._reading(delivery) as uow:
            row = await uow.rows.get(PipelineRunRow, delivery.subject_id)
        if row is None or row.status in FINISHED:
            raise Ignore("the run is over")
        return row.status == RunStatus.QUEUED

    async def _started(self, delivery: Delivery, uow: UnitOfWork) -> None:
        if not await self._execution.started(uow, delivery.subject_id):
            raise Ignore("the run does not wait any more")

    async def _left(self, delivery: Delivery, key: RunKey, progress: Progress) -> Ended | Lost:
        """What an earlier execution started and did not finish."""
        try:
            await self._executor.adopt(key)
        except RunLost as error:
            await self._executor.forget(key)
            return Lost(why=str(error))
        return await self._watched(delivery, key, progress)

    async def _ran(self, delivery: Delivery, order: RunOrder, progress: Progress) -> Ended:
        try:
            await self._executor.start(order)
            return await self._watched(delivery, order.key, progress)
        except PipelineInvalid as error:
            return _failed(FailureReason.INVALID_PIPELINE, error)
        except ProviderError as error:
            return _failed(FailureReason.EXECUTOR_FAILED, error)
        finally:
            await self._executor.forget(order.key)

    async def _order(self, delivery: Delivery) -> RunOrder | Ended:
        async with self._reading(delivery) as uow:
            facts = await self._orders.facts(uow, delivery.subject_id)
        text = await self._orders.text(facts)
        if text is None:
            told = f"{facts.pipeline.path} is absent at {facts.run.commit_sha}"
            return _failed(FailureReason.INVALID_PIPELINE, told)
        async with self._reading(delivery) as uow:
            others = await self._orders.others(uow, facts, text)
        try:
            return await self._orders.order(facts, text, others)
        except PipelineInvalid as error:
            return _failed(FailureReason.INVALID_PIPELINE, error)

    async def _watched(self, delivery: Delivery, key: RunKey, progress: Progress) -> Ended:
        """Each change is committed before the next is taken; meanwhile a cancel is looked for."""
        canceling = asyncio.create_task(self._cancel_when_asked(delivery, key))
        try:
            async with aclosing(self._executor.watch(key)) as changes:
                async for change in changes:
                    if change.records or change.produced:
                        await progress(new_id().hex, partial(self._told, delivery, change))
                    if change.ended is not None:
                        return change.ended
            raise RunLost("its executor told no end")
        finally:
            canceling.cancel()
            await asyncio.gather(canceling, return_exceptions=True)

    async def _told(self, delivery: Delivery, change: Change, uow: UnitOfWork) -> None:
        await self._execution.progressed(uow, delivery.subject_id, change.records)
        await self._results.collected(uow, delivery.subject_id, change.produced)

    async def _cancel_when_asked(self, delivery: Delivery, key: RunKey) -> None:
        """Woken at once by this process's commits; by a look at the row when another process was asked."""
        event = self._cancels[key.run_id.hex] = asyncio.Event()
        try:
            while not await self._is_canceling(delivery):
                try:
                    async with asyncio.timeout(CANCEL_POLL_SECONDS):
                        await event.wait()
                except TimeoutError:
                    continue
            await self._executor.cancel(key)
        finally:
            del self._cancels[key.run_id.hex]

    async def _is_canceling(self, delivery: Delivery) -> bool:
        async with self._reading(delivery) as uow:
            row = await uow.rows.get(PipelineRunRow, delivery.subject_id)
        return row is not None and row.status == RunStatus.CANCELING

    @asynccontextmanager
    async def _reading(self, delivery: Delivery) -> AsyncIterator[UnitOfWork]:
        """A unit of work that is never committed."""
        async with self._database.reading(delivery.access) as session:
            yield UnitOfWork(session, delivery.access, delivery.cause)


async def _pipeline_of(uow: UnitOfWork, repository_id: UUID) -> tuple[RepositoryRow, PipelineDefinitionRow] | None:
    pipeline = await uow.rows.find(PipelineDefinitionRow, repository_id=repository_id)
    repository = None if pipeline is None else await uow.rows.get(RepositoryRow, pipeline.repository_id)
    if pipeline is None or repository is None or repository.status != "PROVISIONED":
        return None
    return repository, pipeline


async def _of_pull_request(uow: UnitOfWork, delivery: Delivery) -> Moved | None:
    row = await uow.rows.get(PullRequestRow, delivery.subject_id)
    found = None if row is None or row.status != "OPEN" else await _pipeline_of(uow, row.repository_id)
    if row is None or found is None:
        return None
    return Moved(
        repository=found[0],
        pipeline=found[1],
        branch=row.source_branch,
        old_sha=None,
        sha=str(delivery.payload["sourceSha"]),
        trace_id=row.trace_id,
        into=row.target_branch,
        pull_request_id=row.id,
    )


def _failed(reason: FailureReason, error: object) -> Ended:
    return Ended(status=Status.FAILED, failure_reason=reason, failure=str(error))
