"""Inputs and payloads of the pipelines context."""

import strawberry

from schema.commands import Command, Payload
from schema.mapping import id_of
from schema.pipelines import PipelineRun
from schema.scalars import GitSha
from services.pipelines import execution


@strawberry.input(description="Run a pipeline where a branch stands.")
class RunPipelineInput(Command):
    """The default branch without one; with expectedHeadSha it is CONFLICT when the branch has moved."""

    pipeline_id: strawberry.ID
    branch: str | None = None
    expected_head_sha: GitSha | None = None

    def to_command(self) -> execution.RunPipeline:
        """Frozen."""
        return execution.RunPipeline(
            pipeline_id=id_of(self.pipeline_id, "PipelineDefinition", "pipelineId"),
            branch=self.branch,
            expected_head_sha=self.expected_head_sha,
        )


@strawberry.input(description="End a run that has not finished.")
class CancelPipelineRunInput(Command):
    """Asking again changes nothing."""

    run_id: strawberry.ID

    def to_command(self) -> execution.CancelPipelineRun:
        """Frozen."""
        return execution.CancelPipelineRun(run_id=id_of(self.run_id, "PipelineRun", "runId"))


@strawberry.input(description="Run the same pipeline at the same commit again.")
class RetryPipelineRunInput(Command):
    """Only the newest attempt, once it has finished."""

    run_id: strawberry.ID

    def to_command(self) -> execution.RetryPipelineRun:
        """Frozen."""
        return execution.RetryPipelineRun(run_id=id_of(self.run_id, "PipelineRun", "runId"))


@strawberry.type(description="The run.")
class PipelineRunPayload(Payload):
    """Null when refused."""

    pipeline_run: PipelineRun | None = strawberry.field(default=None, description="The run as it is now.")
