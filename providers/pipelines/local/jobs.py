"""One job: a clean workspace, its steps one after another, its timeout."""

import asyncio
from collections.abc import Mapping

from providers.pipelines.definition.conditions import Standing, decide
from providers.pipelines.definition.values import Job, Step
from providers.pipelines.local.place import JobPlace, StepEnd
from providers.pipelines.local.records import Records
from providers.pipelines.local.steps import run_step
from providers.pipelines.values import Status


async def run_job(place: JobPlace, records: Records, stage: str, job: Job) -> Status:
    """How it went; the workspace must be made."""
    number = records.number(stage, job.name)
    minutes = job.timeout_minutes
    try:
        async with asyncio.timeout(minutes * 60 if minutes else None):
            status = await _steps(place, records, stage, job)
    except TimeoutError:
        told = f"the job ran longer than its {minutes:g} minutes and was ended"
        place.write(number, [f"##[error]{told}"])
        records.close_below(number, told)
        return records.end(number, Status.FAILED, explanation=told)
    finally:
        await place.clear()
    if status is Status.FAILED and job.continue_on_error:
        status = Status.SUCCEEDED_WITH_ISSUES
    return records.end(number, status)


async def _steps(place: JobPlace, records: Records, stage: str, job: Job) -> Status:
    before: dict[str, Status] = {}
    for index, step in enumerate(job.steps):
        number = records.number(stage, job.name, index)
        end = _skipped(place, step, before)
        if end is None:
            records.begin(number)
            end = await run_step(place, step, number)
        records.end(number, end.status, explanation=end.explanation, exit_code=end.exit_code)
        if end.status is not Status.SKIPPED:
            before[f"{index + 1} {step.display_name}"] = end.status
    return _whole(before)


def _skipped(place: JobPlace, step: Step, before: Mapping[str, Status]) -> StepEnd | None:
    if not step.enabled:
        return StepEnd(status=Status.SKIPPED, explanation="it is not enabled")
    verdict = decide(step.condition, Standing(before=before, contexts={"variables": place.variables}))
    if verdict.runs:
        return None
    return StepEnd(status=Status.FAILED if verdict.broken else Status.SKIPPED, explanation=verdict.explanation)


def _whole(before: Mapping[str, Status]) -> Status:
    if Status.FAILED in before.values():
        return Status.FAILED
    return Status.SUCCEEDED_WITH_ISSUES if Status.SUCCEEDED_WITH_ISSUES in before.values() else Status.SUCCEEDED
