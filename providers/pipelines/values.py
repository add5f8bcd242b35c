"""What goes into and comes out of a pipeline executor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from providers.git.values import RepositoryKey


class Status(StrEnum):
    """How a run, stage, job or step stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SUCCEEDED_WITH_ISSUES = "SUCCEEDED_WITH_ISSUES"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    SKIPPED = "SKIPPED"


DONE: Final = frozenset(Status) - {Status.PENDING, Status.RUNNING}


class FailureReason(StrEnum):
    """Why a run failed."""

    STEP_FAILED = "STEP_FAILED"
    TIMED_OUT = "TIMED_OUT"
    INVALID_PIPELINE = "INVALID_PIPELINE"
    EXECUTOR_FAILED = "EXECUTOR_FAILED"
    LOST = "LOST"


class RecordKind(StrEnum):
    """What a record is of."""

    STAGE = "STAGE"
    JOB = "JOB"
    STEP = "STEP"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunKey:
    """One run of one tenant."""

    tenant_id: UUID
    run_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOrder:
    """What shall run; ``files`` are its templates, ``variables`` the predefined ones, such as Build.Reason."""

    key: RunKey
    repository: RepositoryKey
    repository_name: str
    branch: str
    commit_sha: str
    yaml: str
    files: Mapping[str, str]
    variables: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A stage, job or step as it stands; ``number`` counts from 1 in the order of the file, parents first."""

    number: int
    parent: int | None
    kind: RecordKind
    name: str
    display_name: str
    status: Status = Status.PENDING
    explanation: str | None = None
    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ProducedKind(StrEnum):
    """What a file that a run has put out is."""

    ARTIFACT = "ARTIFACT"
    TEST_RESULTS = "TEST_RESULTS"
    COVERAGE = "COVERAGE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Produced:
    """A file that a step has put out; its content is a blob of the tenant, there before this is told.

    ``number`` counts from 1 in the run, ``step`` is the number of its record. ``name`` is the artifact's or the title
    of the tests, ``path`` where the file stands in it, ``written`` the format of results, such as JUNIT or COBERTURA.
    """

    number: int
    step: int
    kind: ProducedKind
    name: str
    path: str
    digest: str
    size: int
    executable: bool = False
    written: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How the whole run went; the last thing that is told of it."""

    status: Status
    failure_reason: FailureReason | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The records that are new or changed since the last one, and what was put out since."""

    records: tuple[Record, ...]
    produced: tuple[Produced, ...] = ()
    ended: Ended | None = None
