"""PipelineExecutionService: runs are asked for here and driven by a worker, which records here how they go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from providers.pipelines.values import DONE, Ended, FailureReason, Record, Status
from services.actor import Actor, Needs, Scope
from services.errors import Conflict, PreconditionFailed, absent
from services.events.pipelines import PipelineRunCancellationRequested, PipelineRunStarted
from services.pipelines.runs import FINISHED, NewRun, RunReason, RunStatus, finish, queue, tell
from services.source_control.commits import writable
from storage.ids import public_id
from storage.tables.pipelines import PipelineDefinitionRow, PipelineRunRow, RunRecordRow
from storage.tables.scoped import now
from storage.tables.source_control import BranchRow
from storage.unit_of_work import UnitOfWork

RUN: Final = Needs(scope=Scope.PIPELINES_RUN)
MOST_LOST: Final = 3
REASON: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class RunPipeline:
    """Runs a pipeline where a branch stands; without a branch the default one."""

    needs: ClassVar = RUN
    pipeline_id: UUID
    branch: str | None = None
    expected_head_sha: str | None = None


@dataclass(frozen=True, kw_only=True)
class CancelPipelineRun:
    """Ends a run that has not finished."""

    needs: ClassVar = RUN
    run_id: UUID


@dataclass(frozen=True, kw_only=True)
class RetryPipelineRun:
    """Runs the same pipeline at the same commit again, as the next attempt."""

    needs: ClassVar = RUN
    run_id: UUID


class PipelineExecutionService:
    """Owns runs and their records."""

    async def run(self, uow: UnitOfWork, actor: Actor, command: RunPipeline) -> PipelineRunRow:
        """The queued run."""
        actor.require(command.needs)
        pipeline = await uow.rows.get(PipelineDefinitionRow, command.pipeline_id)
        if pipeline is None:
            name = public_id("PipelineDefinition", command.pipeline_id)
            raise absent("pipeline", name, field="pipelineId")
        repository = await writable(uow, pipeline.repository_id)
        name = command.branch or repository.default_branch
        branch = await uow.rows.find(BranchRow, repository_id=repository.id, name=name)
        if branch is None:
            raise absent("branch", name, field="branch")
        if command.expected_head_sha not in {None, branch.head_sha}:
            where = f"at {branch.head_sha}, not at {command.expected_head_sha}"
            raise Conflict(f"branch {name!r} is {where}: refetch and retry", field="expectedHeadSha")
        return await queue(
            uow,
            NewRun(
                pipeline_id=pipeline.id,
                branch=branch.name,
                commit_sha=branch.head_sha,
                reason=RunReason.MANUAL,
                trace_id=branch.trace_id,
                requested_by=actor.identity_id,
            ),
        )

    async def cancel(self, uow: UnitOfWork, actor: Actor, command: CancelPipelineRun) -> PipelineRunRow:
        """CANCELED at once when it waits, CANCELING until what runs has ended; asking again changes nothing."""
        row = await self._mine(uow, actor, command.run_id)
        if row.status == RunStatus.CANCELING:
            return row
        if row.status in FINISHED:
            raise PreconditionFailed(f"the run has finished: it is {row.status}", help="retryPipelineRun")
        waits = row.status == RunStatus.QUEUED
        row.status = RunStatus.CANCELING.value
        tell(uow, row, PipelineRunCancellationRequested(commit_sha=row.commit_sha))
        if waits:
            finish(uow, row, RunStatus.CANCELED)
        return row

    async def retry(self, uow: UnitOfWork, actor: Actor, command: RetryPipelineRun) -> PipelineRunRow:
        """The next attempt; only the newest one has a next."""
        row = await self._mine(uow, actor, command.run_id)
        if row.status not in FINISHED:
            raise PreconditionFailed(f"the run is {row.status}: wait for its end", help="cancelPipelineRun")
        next_one = await uow.rows.find(PipelineRunRow, origin_id=row.origin_id, attempt=row.attempt + 1)
        if next_one is not None:
            newest = public_id("PipelineRun", next_one.id)
            raise Conflict(f"attempt {next_one.attempt} follows it already: {newest}", field="runId")
        await writable(uow, row.repository_id)
        return await self._again(uow, row, requested_by=actor.identity_id)

    async def started(self, uow: UnitOfWork, run_id: UUID) -> bool:
        """It has a slot; False when it does not wait any more."""
        row = await uow.rows.get(PipelineRunRow, run_id, lock=True)
        if row is None or row.status != RunStatus.QUEUED:
            return False
        row.status, row.started_at = RunStatus.RUNNING.value, now()
        tell(uow, row, PipelineRunStarted(commit_sha=row.commit_sha, attempt=row.attempt))
        return True

    async def progressed(self, uow: UnitOfWork, run_id: UUID, records: Sequence[Record]) -> None:
        """The rows of its stages, jobs and steps follow; the run's version tells that they did."""
        row = await uow.rows.get(PipelineRunRow, run_id, lock=True)
        assert row is not None
        row.updated_at = now()
        known = await uow.pipelines.records_numbered(run_id, [one.number for one in records])
        for one in records:
            found = known.get(one.number)
            if found is None:
                uow.rows.put(_record_row(row, one))
            else:
                found.status, found.explanation, found.exit_code = one.status.value, one.explanation, one.exit_code
                found.started_at, found.finished_at = one.started_at, one.finished_at

    async def finished(self, uow: UnitOfWork, run_id: UUID, ended: Ended) -> None:
        """How it went; nothing when that is recorded already."""
        row = await uow.rows.get(PipelineRunRow, run_id, lock=True)
        if row is None or row.status in FINISHED:
            return
        failure = None if ended.failure is None else ended.failure[:REASON]
        finish(uow, row, RunStatus(ended.status.value), reason=ended.failure_reason, failure=failure)

    async def lost(self, uow: UnitOfWork, run_id: UUID, why: str) -> None:
        """FAILED (LOST) and, unless it was being canceled or lost too often, queued again as the next attempt."""
        row = await uow.rows.get(PipelineRunRow, run_id, lock=True)
        if row is None or row.status in FINISHED:
            return
        for one in await uow.pipelines.records_of([run_id]):
            if one.status not in DONE:
                ended = Status.CANCELED if one.status == Status.RUNNING else Status.SKIPPED
                one.status, one.explanation = ended.value, "the run was lost"
        if row.status == RunStatus.CANCELING:
            finish(uow, row, RunStatus.CANCELED)
            return
        finish(uow, row, RunStatus.FAILED, reason=FailureReason.LOST, failure=why[:REASON])
        if row.attempt < MOST_LOST:
            await self._again(uow, row, requested_by=None)

    async def _again(self, uow: UnitOfWork, row: PipelineRunRow, *, requested_by: UUID | None) -> PipelineRunRow:
        return await queue(
            uow,
            NewRun(
                pipeline_id=row.pipeline_id,
                branch=row.branch,
                commit_sha=row.commit_sha,
                reason=RunReason.RETRY,
                pull_request_id=row.pull_request_id,
                trace_id=row.trace_id,
                requested_by=requested_by,
                after=row,
            ),
        )

    async def _mine(self, uow: UnitOfWork, actor: Actor, run_id: UUID) -> PipelineRunRow:
        actor.require(RUN)
        row = await uow.rows.get(PipelineRunRow, run_id, lock=True)
        if row is None:
            raise absent("run", public_id("PipelineRun", run_id), field="runId")
        return row


def _record_row(run: PipelineRunRow, one: Record) -> RunRecordRow:
    return RunRecordRow(
        tenant_id=run.tenant_id,
        project_id=run.project_id,
        run_id=run.id,
        number=one.number,
        parent=one.parent,
        kind=one.kind.value,
        name=one.name,
        display_name=one.display_name,
        status=one.status.value,
        explanation=one.explanation,
        exit_code=one.exit_code,
        started_at=one.started_at,
        finished_at=one.finished_at,
    )
