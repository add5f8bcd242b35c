"""Events of the pipelines context."""

from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from services.events.event import Event


@dataclass(frozen=True, kw_only=True)
class PipelineGenerated(Event):
    """The pipeline that was made from a module's metadata stands on the default branch."""

    subject: ClassVar[str] = "PipelineDefinition"
    repository_id: UUID = field(metadata={"of": "Repository"})
    path: str
    content_hash: str
    template_version: int


@dataclass(frozen=True, kw_only=True)
class PipelineRunQueued(Event):
    """A run waits for a free slot; an attempt over 1 follows one that failed."""

    subject: ClassVar[str] = "PipelineRun"
    pipeline_id: UUID = field(metadata={"of": "PipelineDefinition"})
    repository_id: UUID = field(metadata={"of": "Repository"})
    branch: str
    commit_sha: str
    reason: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class PipelineRunStarted(Event):
    """It has a slot; its steps follow."""

    subject: ClassVar[str] = "PipelineRun"
    commit_sha: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class PipelineRunCancellationRequested(Event):
    """What runs of it is being ended."""

    subject: ClassVar[str] = "PipelineRun"
    commit_sha: str


@dataclass(frozen=True, kw_only=True)
class PipelineRunFinished(Event):
    """How it ended; ``failure_reason`` is LOST when its machine died, and a new attempt follows."""

    subject: ClassVar[str] = "PipelineRun"
    pipeline_id: UUID = field(metadata={"of": "PipelineDefinition"})
    branch: str
    commit_sha: str
    status: str
    failure_reason: str | None
    attempt: int


@dataclass(frozen=True, kw_only=True)
class BuildCompleted(Event):
    """What a run that ended came to is recorded: ``status`` is the run's, ``artifacts`` how many files it put out."""

    subject: ClassVar[str] = "BuildResult"
    pipeline_run_id: UUID = field(metadata={"of": "PipelineRun"})
    repository_id: UUID = field(metadata={"of": "Repository"})
    branch: str
    commit_sha: str
    status: str
    tests_total: int
    tests_failed: int
    artifacts: int
