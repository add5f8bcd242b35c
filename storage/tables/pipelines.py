"""Rows of the pipelines context; a run's stages, jobs and steps are rows of their own, each changed by itself."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint, Uuid
from sqlmodel import Field

from storage.tables.scoped import ProjectScoped, UtcDateTime


class PipelineDefinitionRow(ProjectScoped, table=True):
    """The pipeline of a repository, as its default branch last held it; ``made_hashes`` are of files made here."""

    __tablename__ = "pipeline_definitions"
    __table_args__ = (
        UniqueConstraint("tenant_id", "repository_id", name="uq_pipeline_definitions_repository"),
        Index("ix_pipeline_definitions_module", "tenant_id", "module_id", "id"),
        Index("ix_pipeline_definitions_project", "tenant_id", "project_id", "id"),
    )
    type_name: ClassVar[str] = "PipelineDefinition"
    module_id: UUID = Field(sa_type=Uuid)
    repository_id: UUID = Field(sa_type=Uuid)
    path: str
    yaml: str
    content_hash: str
    template_version: int
    made_hashes: list[str] = Field(sa_type=JSON)
    next_number: int = 1
    trace_id: str


class PipelineRunRow(ProjectScoped, table=True):
    """One run at one commit; ``origin_id`` is the first attempt's id, ``trigger_key`` what starts it only once."""

    __tablename__ = "pipeline_runs"
    __table_args__ = (
        UniqueConstraint("tenant_id", "pipeline_id", "number", name="uq_pipeline_runs_number"),
        UniqueConstraint("tenant_id", "trigger_key", name="uq_pipeline_runs_trigger"),
        UniqueConstraint("tenant_id", "origin_id", "attempt", name="uq_pipeline_runs_attempt"),
        Index("ix_pipeline_runs_pipeline", "tenant_id", "pipeline_id", "id"),
        Index("ix_pipeline_runs_origin", "tenant_id", "origin_id", "id"),
        Index("ix_pipeline_runs_repository", "tenant_id", "repository_id", "id"),
        Index("ix_pipeline_runs_pull_request", "tenant_id", "pull_request_id", "id"),
        Index("ix_pipeline_runs_commit", "tenant_id", "repository_id", "commit_sha", "id"),
    )
    type_name: ClassVar[str] = "PipelineRun"
    pipeline_id: UUID = Field(sa_type=Uuid)
    module_id: UUID = Field(sa_type=Uuid)
    repository_id: UUID = Field(sa_type=Uuid)
    pull_request_id: UUID | None = Field(default=None, sa_type=Uuid)
    number: int
    branch: str
    commit_sha: str
    reason: str
    attempt: int = 1
    origin_id: UUID = Field(sa_type=Uuid)
    trigger_key: str | None = None
    requested_by: UUID | None = Field(default=None, sa_type=Uuid)
    status: str = "QUEUED"
    failure_reason: str | None = None
    failure: str | None = None
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    trace_id: str


class RunRecordRow(ProjectScoped, table=True):
    """A stage, job or step of a run; ``number`` is dense in the run in the order of the file, parents first."""

    __tablename__ = "run_records"
    __table_args__ = (UniqueConstraint("tenant_id", "run_id", "number", name="uq_run_records_number"),)
    type_name: ClassVar[str] = "RunRecord"
    run_id: UUID = Field(sa_type=Uuid)
    number: int
    parent: int | None = None
    kind: str
    name: str
    display_name: str
    status: str
    explanation: str | None = None
    exit_code: int | None = None
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BuildResultRow(ProjectScoped, table=True):
    """What a run that has ended came to, one a run; counts of tests and coverage are over all its result files."""

    __tablename__ = "build_results"
    __table_args__ = (
        UniqueConstraint("tenant_id", "pipeline_run_id", name="uq_build_results_run"),
        Index("ix_build_results_module", "tenant_id", "module_id", "id"),
    )
    type_name: ClassVar[str] = "BuildResult"
    pipeline_run_id: UUID = Field(sa_type=Uuid)
    module_id: UUID = Field(sa_type=Uuid)
    repository_id: UUID = Field(sa_type=Uuid)
    branch: str
    commit_sha: str
    status: str
    tests_total: int = 0
    tests_passed: int = 0
    tests_failed: int = 0
    tests_skipped: int = 0
    coverage_files: int = 0
    lines_covered: int = 0
    lines: int = 0
    branches_covered: int = 0
    branches: int = 0
    duration_ms: int | None = None
    problems: list[str] = Field(sa_type=JSON)
    trace_id: str


class BuildArtifactRow(ProjectScoped, table=True):
    """A file that a run has put out; the content is the tenant's blob of this digest."""

    __tablename__ = "build_artifacts"
    __table_args__ = (
        UniqueConstraint("tenant_id", "build_result_id", "number", name="uq_build_artifacts_number"),
        Index("ix_build_artifacts_digest", "tenant_id", "digest"),
    )
    type_name: ClassVar[str] = "BuildArtifact"
    build_result_id: UUID = Field(sa_type=Uuid)
    number: int
    step: int
    kind: str
    name: str
    path: str
    digest: str
    size: int = Field(sa_type=BigInteger)
    executable: bool
    written: str | None = None


class FileCoverageRow(ProjectScoped, table=True):
    """How much of one source file a build has run."""

    __tablename__ = "file_coverages"
    __table_args__ = (UniqueConstraint("tenant_id", "build_result_id", "number", name="uq_file_coverages_number"),)
    type_name: ClassVar[str] = "FileCoverage"
    build_result_id: UUID = Field(sa_type=Uuid)
    number: int
    path: str
    lines_covered: int
    lines: int
    branches_covered: int
    branches: int


class TestCaseRow(ProjectScoped, table=True):
    """A test of a module over all its runs; ``key`` is of suite and name, ``recent`` what ``flaky`` is told by."""

    __test__ = False
    __tablename__ = "test_cases"
    __table_args__ = (
        UniqueConstraint("tenant_id", "module_id", "key", name="uq_test_cases_key"),
        Index("ix_test_cases_module", "tenant_id", "module_id", "id"),
    )
    type_name: ClassVar[str] = "TestCase"
    module_id: UUID = Field(sa_type=Uuid)
    key: str
    suite: str
    name: str
    outcome: str
    runs: int = 0
    passed: int = 0
    failed: int = 0
    recent: list[str] = Field(sa_type=JSON)
    flaky: bool = False
    flaky_because: str | None = None


class TestCaseResultRow(ProjectScoped, table=True):
    """How a test went in one build."""

    __test__ = False
    __tablename__ = "test_case_results"
    __table_args__ = (
        UniqueConstraint("tenant_id", "build_result_id", "number", name="uq_test_case_results_number"),
        Index("ix_test_case_results_case", "tenant_id", "test_case_id", "id"),
    )
    type_name: ClassVar[str] = "TestCaseResult"
    build_result_id: UUID = Field(sa_type=Uuid)
    test_case_id: UUID = Field(sa_type=Uuid)
    number: int
    suite: str
    name: str
    outcome: str
    duration_ms: int | None = None
    message: str | None = None
    stack: str | None = None
