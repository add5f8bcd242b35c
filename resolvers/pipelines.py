"""Queries and mutations of the pipelines context."""

from collections.abc import Sequence

import strawberry

from providers.pipelines.errors import Problem
from resolvers.commands import mutation
from resolvers.context import Context, Info
from resolvers.execution import carry_out
from schema.build_results import BuildResult
from schema.connections import Connection, every
from schema.mapping import id_of
from schema.pipeline_commands import (
    CancelPipelineRunInput,
    PipelineRunPayload,
    RetryPipelineRunInput,
    RunPipelineInput,
)
from schema.pipelines import PipelineDefinition, PipelineProblem, PipelineRun, PipelineValidation
from services.pipelines.execution import CancelPipelineRun, RetryPipelineRun, RunPipeline
from storage.unit_of_work import UnitOfWork


@strawberry.type
class PipelineQuery:
    """Pipelines and their runs."""

    @strawberry.field(description="A run by its pipeline's id and its number.")
    async def pipeline_run(self, info: Info, pipeline: strawberry.ID, number: int) -> PipelineRun | None:
        """Natural key."""
        parent = id_of(pipeline, "PipelineDefinition", "pipeline")
        found: PipelineRun | None = await info.context.loaders.find("PipelineRun", pipeline_id=parent, number=number)
        return found

    @strawberry.field(
        description="What is wrong with a pipeline's file, without a run; templates are those of the repository at ref,"
        " a branch or sha, its default branch without one."
    )
    async def validate_pipeline(
        self, info: Info, yaml: str, repository: strawberry.ID | None = None, ref: str | None = None
    ) -> PipelineValidation:
        """As a run would tell it."""
        found = await _mistakes(info.context, yaml, repository, ref)
        problems = [PipelineProblem(file=p.file, line=p.line, column=p.column, message=p.message) for p in found]
        return PipelineValidation(valid=not problems, problems=problems)

    pipeline_definitions: Connection[PipelineDefinition] = every(
        "PipelineDefinition", Connection[PipelineDefinition], "The pipelines in your sight."
    )
    pipeline_runs: Connection[PipelineRun] = every("PipelineRun", Connection[PipelineRun], "The runs in your sight.")
    build_results: Connection[BuildResult] = every(
        "BuildResult", Connection[BuildResult], "What runs came to, in your sight."
    )


async def _mistakes(context: Context, yaml: str, repository: str | None, ref: str | None) -> Sequence[Problem]:
    validator = context.services.pipeline_validator
    if repository is None:
        return await validator.mistakes(yaml)
    row = await context.git.repository(id_of(repository, "Repository", "repository"))
    sha = await context.git.ask(context.git.reading.resolve, row, ref)
    access = context.actor.access
    async with context.database.reading(access) as session:
        others = await validator.others(UnitOfWork(session, access, context.cause(None)), row, yaml)
    return await validator.mistakes_at(row, sha, others, yaml)


@strawberry.type
class PipelineMutation:
    """Commands on runs."""

    @mutation(RunPipeline, "Run a pipeline where a branch stands.")
    async def run_pipeline(self, info: Info, input: RunPipelineInput) -> PipelineRunPayload:
        """One service call; a worker drives the run."""
        context = info.context
        service = context.services.pipeline_runs
        done = await carry_out(context, input, lambda uow, command: service.run(uow, context.actor, command))
        return PipelineRunPayload(pipeline_run=done.node, events=done.events, errors=done.errors)

    @mutation(CancelPipelineRun, "End a run that has not finished.")
    async def cancel_pipeline_run(self, info: Info, input: CancelPipelineRunInput) -> PipelineRunPayload:
        """One service call; who drives the run sees it at once."""
        context = info.context
        service = context.services.pipeline_runs
        done = await carry_out(context, input, lambda uow, command: service.cancel(uow, context.actor, command))
        return PipelineRunPayload(pipeline_run=done.node, events=done.events, errors=done.errors)

    @mutation(RetryPipelineRun, "Run the same pipeline at the same commit again.")
    async def retry_pipeline_run(self, info: Info, input: RetryPipelineRunInput) -> PipelineRunPayload:
        """One service call."""
        context = info.context
        service = context.services.pipeline_runs
        done = await carry_out(context, input, lambda uow, command: service.retry(uow, context.actor, command))
        return PipelineRunPayload(pipeline_run=done.node, events=done.events, errors=done.errors)
