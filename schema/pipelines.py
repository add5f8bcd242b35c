"""Types of the pipelines context: pipelines, their runs, and a run's stages, jobs and steps."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry
from strawberry.types import Info

from providers.pipelines.logs import LogLine
from providers.pipelines.values import FailureReason, RecordKind, Status
from schema.connections import Connection, to_many
from schema.mapping import Listing, Node, column, id_column, to_one, to_one_by
from schema.platform import Identity, LazyRepository, Module
from schema.scalars import GitSha, Sha256Digest
from services.pipelines.runs import RunReason, RunStatus
from storage.tables.pipelines import RunRecordRow

if TYPE_CHECKING:
    from schema.build_results import BuildResult
    from schema.pull_requests import PullRequest
    from schema.source_control import Commit, Repository  # noqa: F401  # LazyRepository names it

strawberry.enum(RunReason, description="What asked for a run.")
strawberry.enum(RunStatus, description="Where a run is in its life.")
strawberry.enum(FailureReason, description="Why a run failed; LOST when the machine that ran it died.")
strawberry.enum(Status, name="RecordStatus", description="How a stage, job or step stands.")

Below = dict[int | None, list[RunRecordRow]]
LazyRun = Annotated["PipelineRun", strawberry.lazy("schema.pipelines")]
LazyBuildResult = Annotated["BuildResult", strawberry.lazy("schema.build_results")]
LazyCommit = Annotated["Commit", strawberry.lazy("schema.source_control")]
LazyPullRequest = Annotated["PullRequest", strawberry.lazy("schema.pull_requests")]


@strawberry.type(description="The pipeline of a repository, as its default branch last held it.")
class PipelineDefinition(Node):
    """What a run executes is the file at the run's own commit."""

    listing: ClassVar = Listing(filter=("project_id", "module", "repository"))

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    module: Module | None = to_one("module_id", "Module", "The module that it builds.")
    repository: LazyRepository | None = to_one("repository_id", "Repository", "The repository that holds it.")
    path: str = column("path", "The file.")
    yaml: str = column("yaml", "What the file says.")
    content_hash: Sha256Digest = column("content_hash", "sha256 of the file.")
    template_version: int = column("template_version", "The version of what it was made with.")
    trace_id: str = column("trace_id", "The trace it was made in.")
    created_at: datetime = column("created_at", "When it was made.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    runs: Connection[LazyRun] = to_many("PipelineRun", "pipeline_id", Connection[LazyRun], "Its runs.")


@strawberry.interface(description="A stage, job or step of a run: how it stands, and why it was skipped or failed.")
class RunRecord:
    """``below`` are the run's records by their parent's number."""

    row: strawberry.Private[RunRecordRow]
    below: strawberry.Private[Below]

    number: int = column("number", "Dense in the run from 1, in the order of the file; a log line names its step's.")
    name: str = column("name", "What the file calls it.")
    display_name: str = column("display_name", "What people call it.")
    status: Status = column("status", "How it stands.")
    explanation: str | None = column("explanation", "Why it was skipped, with what the condition saw, or failed.")
    started_at: datetime | None = column("started_at", "When it began.")
    finished_at: datetime | None = column("finished_at", "When it ended.")

    @strawberry.field(description="How long it ran, in milliseconds; null until it has ended.")
    def duration_ms(self) -> int | None:
        """From its times."""
        return duration_ms(self.row.started_at, self.row.finished_at)


@strawberry.type(description="A program that a job runs.")
class PipelineStep(RunRecord):
    """The leaf."""

    exit_code: int | None = column("exit_code", "Of its program; minus the signal that ended it.")


@strawberry.type(description="Steps that run one after another in one workspace.")
class PipelineJob(RunRecord):
    """Jobs of a stage run side by side unless they depend on each other."""

    @strawberry.field(description="Its steps in their order.")
    def steps(self) -> list[PipelineStep]:
        """From the run's records."""
        return [PipelineStep(row=row, below=self.below) for row in self.below.get(self.row.number, ())]


@strawberry.type(description="Jobs that belong together.")
class PipelineStage(RunRecord):
    """Stages run one after another unless they say otherwise."""

    @strawberry.field(description="Its jobs in the order of the file.")
    def jobs(self) -> list[PipelineJob]:
        """From the run's records."""
        return [PipelineJob(row=row, below=self.below) for row in self.below.get(self.row.number, ())]


@strawberry.type(description="One run of a pipeline at one commit.")
class PipelineRun(Node):
    """A retry is a run of its own, with the next attempt's number."""

    listing: ClassVar = Listing(
        filter=(
            "project_id", "pipeline", "repository", "module", "pull_request",
            "branch", "commit_sha", "reason", "status", "trace_id",
        ),
    )  # fmt: skip

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    pipeline: PipelineDefinition | None = to_one("pipeline_id", "PipelineDefinition", "What runs.")
    module: Module | None = to_one("module_id", "Module", "The module that it builds.")
    repository: LazyRepository | None = to_one("repository_id", "Repository", "The repository it checks out.")
    pull_request: LazyPullRequest | None = to_one("pull_request_id", "PullRequest", "The pull request it builds.")
    number: int = column("number", "Dense for the pipeline from 1.")
    branch: str = column("branch", "The branch it runs for.")
    commit_sha: GitSha = column("commit_sha", "The commit it checks out.")
    commit: LazyCommit | None = to_one_by(
        "Commit", "The commit it checks out.", repository_id="repository_id", sha="commit_sha"
    )
    reason: RunReason = column("reason", "What asked for it.")
    attempt: int = column("attempt", "1, and one more with each retry.")
    first_attempt: LazyRun | None = to_one("origin_id", "PipelineRun", "The first attempt; itself when it is.")
    requested_by: Identity | None = to_one("requested_by", "Identity", "Who asked, when somebody did.")
    status: RunStatus = column("status", "Where it is in its life.")
    failure_reason: FailureReason | None = column("failure_reason", "Why it FAILED.")
    failure: str | None = column("failure", "The same in words; of a file, every mistake with its line and column.")
    created_at: datetime = column("created_at", "When it was queued.")
    started_at: datetime | None = column("started_at", "When it had a slot.")
    finished_at: datetime | None = column("finished_at", "When it ended.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    trace_id: str = column("trace_id", "The trace it belongs to.")
    build_result: LazyBuildResult | None = to_one_by(
        "BuildResult", "What it came to; null until that is recorded.", pipeline_run_id="id"
    )
    attempts: Connection[LazyRun] = to_many(
        "PipelineRun", "origin_id", Connection[LazyRun], "Of a first attempt: it and its retries."
    )

    @strawberry.field(description="How long it ran, in milliseconds; null until it has ended.")
    def duration_ms(self) -> int | None:
        """From its times."""
        return duration_ms(self.row.started_at, self.row.finished_at)

    @strawberry.field(description="Its stages in the order of the file, once that is understood; at most 1,000 steps.")
    async def stages(self, info: Info[Any, Any]) -> list[PipelineStage]:
        """One statement for the records of all the runs of a level."""
        below: Below = {}
        for row in await info.context.run_records.load(self.row.id):
            below.setdefault(row.parent, []).append(row)
        return [PipelineStage(row=row, below=below) for row in below.get(None, ()) if row.kind == RecordKind.STAGE]


def duration_ms(started_at: datetime | None, finished_at: datetime | None) -> int | None:
    """Whole milliseconds; None while an end is missing."""
    if started_at is None or finished_at is None:
        return None
    return round((finished_at - started_at).total_seconds() * 1000)


@strawberry.type(description="One line of a run's log.")
class PipelineLogLine:
    """As the step wrote it, without the line's end."""

    number: int = strawberry.field(description="From 1 in the run; pass the last one as afterLine to go on.")
    at: datetime = strawberry.field(description="When it was written.")
    step: int = strawberry.field(description="The number of the step that wrote it; 0 is the run itself.")
    text: str = strawberry.field(description="What it says.")


@strawberry.type(description="Some lines of a run's log, in order and without a gap to those before.")
class PipelineLogPart:
    """At most 500 lines."""

    lines: list[PipelineLogLine] = strawberry.field(description="The lines.")

    @classmethod
    def of(cls, lines: list[LogLine]) -> "PipelineLogPart":
        """As they are told."""
        return cls(
            lines=[PipelineLogLine(number=line.number, at=line.at, step=line.record, text=line.text) for line in lines]
        )


@strawberry.type(description="A mistake in a pipeline's file.")
class PipelineProblem:
    """At its place."""

    file: str = strawberry.field(description="Its path, with @alias when it is a template of another repository.")
    line: int = strawberry.field(description="From 1.")
    column: int = strawberry.field(description="From 1.")
    message: str = strawberry.field(description="What is wrong, and what would pass.")


@strawberry.type(description="Whether a pipeline's file can run.")
class PipelineValidation:
    """Without running it."""

    valid: bool = strawberry.field(description="Whether it can.")
    problems: list[PipelineProblem] = strawberry.field(description="Every mistake in the order of the file.")
