"""One run: its stages and jobs in their order, each job in a workspace of its own."""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

from providers.blobs.store import Blobs
from providers.errors import ProviderError
from providers.pipelines.definition.conditions import Standing, Verdict, decide
from providers.pipelines.definition.values import Job, Pipeline, Stage
from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.local.collection import Collection
from providers.pipelines.local.jobs import run_job
from providers.pipelines.local.log import LogWriter
from providers.pipelines.local.order import run_in_order, together
from providers.pipelines.local.outcomes import Outcomes
from providers.pipelines.local.place import JobPlace
from providers.pipelines.local.records import Records
from providers.pipelines.local.sandbox import UNSANDBOXED, Sandbox
from providers.pipelines.local.variables import Variables
from providers.pipelines.local.workspace import Workspace, commit_time
from providers.pipelines.values import Ended, FailureReason, RunOrder, Status


class RunExecution:
    """Runs as a task of its own; ``cancel`` is heeded between two steps at the latest."""

    def __init__(
        self,
        order: RunOrder,
        pipeline: Pipeline,
        *,
        bare: Path,
        folder: Path,
        log: LogWriter,
        blobs: Blobs,
        wheelhouse: Path | None,
    ) -> None:
        self.records = Records(pipeline)
        self._order = order
        self._pipeline = pipeline
        self._bare = bare
        self._folder = folder
        self._log = log
        self._collection = Collection(blobs, order.key.tenant_id, self.records.put_out)
        self._wheelhouse = wheelhouse
        self._places: set[JobPlace] = set()
        self._outcomes = Outcomes()
        self._canceled = False
        self._over = False
        self._task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        """Ends what runs at once."""
        if not self._over:
            self._canceled = True
            self._task.cancel()
            for place in self._places:
                place.kill()

    async def ended(self) -> None:
        """Until nothing of it is left to do."""
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        ended = await self._outcome()
        self._over = True
        for stage in self._pipeline.stages:
            self.records.close(self.records.number(stage.name), "the run ended before it did")
        self._log.close()
        self.records.finish(ended)

    async def _outcome(self) -> Ended:
        try:
            statuses = await run_in_order(self._pipeline.stages, self._stage)
        except asyncio.CancelledError:
            self._log.write(0, ["##[warning]The run was canceled"])
            return Ended(status=Status.CANCELED)
        except BaseExceptionGroup as group:
            return self._broken(group)
        status = together(list(statuses.values()))
        return Ended(status=status, failure_reason=FailureReason.STEP_FAILED if status is Status.FAILED else None)

    def _broken(self, group: BaseExceptionGroup[BaseException]) -> Ended:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if not isinstance(error, ProviderError | OSError):
            raise error
        told = f"{type(error).__name__}: {error}"[:2_000]
        self._log.write(0, [f"##[error]{told}"])
        return Ended(status=Status.FAILED, failure_reason=FailureReason.EXECUTOR_FAILED, failure=told)

    async def _stage(self, stage: Stage, before: Mapping[str, Status]) -> Status:
        status = await self._stage_run(stage, before)
        self._outcomes.stage_ended(stage.name, status)
        return status

    async def _stage_run(self, stage: Stage, before: Mapping[str, Status]) -> Status:
        number = self.records.number(stage.name)
        contexts = {"variables": self._variables(stage.variables), **self._outcomes.of_stages()}
        verdict = decide(stage.condition, Standing(before=before, canceled=self._canceled, contexts=contexts))
        if not verdict.runs:
            return self._not_run(number, verdict)
        self.records.begin(number)
        jobs = {job.name: job for job in stage.jobs}
        at_once = {job.group: asyncio.Semaphore(job.at_once) for job in stage.jobs if job.at_once}

        async def job(one: Job, ahead: Mapping[str, Status]) -> Status:
            outputs: dict[str, str] = {}
            async with at_once.get(one.group) or contextlib.nullcontext():
                status = await self._job(stage, one, self._outcomes.grouped(ahead, jobs), outputs)
            self._outcomes.job_ended(stage.name, one, status, outputs)
            return status

        statuses = await run_in_order(stage.jobs, job)
        return self.records.end(number, together(list(statuses.values())))

    async def _job(self, stage: Stage, job: Job, before: Mapping[str, Status], outputs: dict[str, str]) -> Status:
        number = self.records.number(stage.name, job.name)
        contexts = self._outcomes.of_jobs(stage.name)
        made = await asyncio.to_thread(commit_time, self._bare, self._order.commit_sha)
        workspace = Workspace(root=self._folder / str(number), wheelhouse=self._wheelhouse, commit_time=made)
        names = {"System.StageName": stage.name, "System.JobName": job.group, "Agent.JobName": job.display_name}
        variables = self._variables(stage.variables, job.variables, fixed=(workspace.variables(), names))
        try:
            variables.compute(contexts)
        except ExpressionError as error:
            return self._not_run(number, Verdict(runs=False, explanation=f"variables: {error}", broken=True))
        contexts = {"variables": variables, **contexts}
        verdict = decide(job.condition, Standing(before=before, canceled=self._canceled, contexts=contexts))
        if not verdict.runs:
            return self._not_run(number, verdict)
        self.records.begin(number)
        await asyncio.to_thread(workspace.make)
        place = JobPlace(
            order=self._order,
            bare=self._bare,
            workspace=workspace,
            variables=variables,
            log=self._log,
            mark=f"{self._order.key.run_id.hex}.{number}",
            collection=self._collection,
            sandbox=Sandbox(workspace.root, workspace.readable),
            outputs=outputs,
        )
        if not place.sandbox.closed:
            place.write(number, [UNSANDBOXED])
        self._places.add(place)
        try:
            return await run_job(place, self.records, stage.name, job)
        finally:
            self._places.discard(place)

    def _variables(self, *layers: Mapping[str, str], fixed: tuple[Mapping[str, str], ...] = ()) -> Variables:
        """The pipeline's, then these; what the platform says cannot be set."""
        return Variables(self._pipeline.variables, *layers, fixed=(self._order.variables, *fixed))

    def _not_run(self, number: int, verdict: Verdict) -> Status:
        explanation = verdict.explanation or ""
        self.records.close_below(number, explanation)
        if verdict.broken:
            self._log.write(number, [f"##[error]{explanation}"])
        status = Status.FAILED if verdict.broken else Status.SKIPPED
        return self.records.end(number, status, explanation=explanation)
