"""Queries and mutations of the pipelines context."""

import asyncio

import strawberry

from resolvers.commands import mutation
from resolvers.context import Info
from resolvers.execution import carry_out
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
from services.pipelines.validation import mistakes


@strawberry.type
class PipelineQuery:
    """Pipelines and their runs."""

    @strawberry.field(description="A run by its pipeline's id and its number.")
    async def pipeline_run(self, info: Info, pipeline: strawberry.ID, number: int) -> PipelineRun | None:
        """Natural key."""
        parent = id_of(pipeline, "PipelineDefinition", "pipeline")
        found: PipelineRun | None = await info.context.loaders.find("PipelineRun", pipeline_id=parent, number=number)
        return found

    @strawberry.field(description="What is wrong with a pipeline's file, without a run.")
    async def validate_pipeline(self, info: Info, yaml: str) -> PipelineValidation:
        """As a run would tell it; off the loop, for a file may be long."""
        found = await asyncio.to_thread(mistakes, yaml)
        problems = [PipelineProblem(line=one.line, column=one.column, message=one.message) for one in found]
        return PipelineValidation(valid=not problems, problems=problems)

    pipeline_definitions: Connection[PipelineDefinition] = every(
        "PipelineDefinition", Connection[PipelineDefinition], "The pipelines in your sight."
    )
    pipeline_runs: Connection[PipelineRun] = every("PipelineRun", Connection[PipelineRun], "The runs in your sight.")


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
