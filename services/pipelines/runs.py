"""What a run is, how it is queued, and what of it is unique."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.events.event import Event, record
from services.events.pipelines import PipelineRunFinished, PipelineRunQueued
from storage.access import EdgeKind, NewEdge
from storage.ids import new_id
from storage.tables.pipelines import PipelineDefinitionRow, PipelineRunRow
from storage.tables.scoped import now
from storage.unit_of_work import UnitOfWork


class RunReason(StrEnum):
    """What asked for a run."""

    TRIGGER = "TRIGGER"
    PULL_REQUEST = "PULL_REQUEST"
    MANUAL = "MANUAL"
    RETRY = "RETRY"


class RunStatus(StrEnum):
    """Where a run is in its life."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    CANCELING = "CANCELING"
    SUCCEEDED = "SUCCEEDED"
    SUCCEEDED_WITH_ISSUES = "SUCCEEDED_WITH_ISSUES"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


FINISHED: Final = frozenset(RunStatus) - {RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.CANCELING}


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """What shall run; ``after`` is the run whose next attempt it is.

    The default branch is told from the others: what it builds is published, whatever another branch built of it before.
    """

    pipeline_id: UUID
    branch: str
    commit_sha: str
    reason: RunReason
    on_default_branch: bool = False
    pull_request_id: UUID | None = None
    trace_id: str | None = None
    requested_by: UUID | None = None
    after: PipelineRunRow | None = None

    @property
    def trigger_key(self) -> str | None:
        """What is started only once: a pipeline at a sha for a reason that nobody asked by hand."""
        if self.reason in {RunReason.TRIGGER, RunReason.PULL_REQUEST}:
            where = ":default" if self.on_default_branch else ""
            return f"{self.pipeline_id.hex}:{self.commit_sha}:{self.reason}{where}"
        return None


async def queue(uow: UnitOfWork, new: NewRun) -> PipelineRunRow:
    """The run with its pipeline's next number, the edges that lead to it, and the event that wakes who drives it."""
    pipeline = await uow.rows.get(PipelineDefinitionRow, new.pipeline_id, lock=True)
    assert pipeline is not None
    commits = await uow.source_control.commits_by_sha(pipeline.repository_id, [new.commit_sha])
    row = _row(new, pipeline, new.trace_id or uow.cause.trace_id)
    pipeline.next_number += 1
    await uow.rows.add(row)
    event = PipelineRunQueued(
        pipeline_id=row.pipeline_id,
        repository_id=row.repository_id,
        branch=row.branch,
        commit_sha=row.commit_sha,
        reason=row.reason,
        attempt=row.attempt,
    )
    tell(uow, row, event)
    _link(uow, row, "DEFINES", "PipelineDefinition", pipeline.id)
    for commit in commits.values():
        _link(uow, row, "BUILT_BY", "Commit", commit.id)
    return row


def _link(uow: UnitOfWork, row: PipelineRunRow, kind: EdgeKind, type_name: str, node_id: UUID) -> None:
    ends = {"upstream": (type_name, node_id), "downstream": ("PipelineRun", row.id)}
    uow.link(NewEdge(kind=kind, project_id=row.project_id, **ends))


def _row(new: NewRun, pipeline: PipelineDefinitionRow, trace_id: str) -> PipelineRunRow:
    run_id = new_id()
    return PipelineRunRow(
        id=run_id,
        tenant_id=pipeline.tenant_id,
        project_id=pipeline.project_id,
        pipeline_id=pipeline.id,
        module_id=pipeline.module_id,
        repository_id=pipeline.repository_id,
        pull_request_id=new.pull_request_id,
        number=pipeline.next_number,
        branch=new.branch,
        commit_sha=new.commit_sha,
        reason=new.reason.value,
        attempt=1 if new.after is None else new.after.attempt + 1,
        origin_id=run_id if new.after is None else new.after.origin_id,
        trigger_key=new.trigger_key,
        requested_by=new.requested_by,
        trace_id=trace_id,
    )


def tell(uow: UnitOfWork, row: PipelineRunRow, event: Event) -> None:
    """Records an event of the run, in the run's own trace."""
    record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id, trace_id=row.trace_id)


def finish(
    uow: UnitOfWork, row: PipelineRunRow, status: RunStatus, *, reason: str | None = None, failure: str | None = None
) -> None:
    """Ends the run; nothing happens to it any more."""
    row.status, row.failure_reason, row.failure, row.finished_at = status.value, reason, failure, now()
    event = PipelineRunFinished(
        pipeline_id=row.pipeline_id,
        branch=row.branch,
        commit_sha=row.commit_sha,
        status=row.status,
        failure_reason=row.failure_reason,
        attempt=row.attempt,
    )
    tell(uow, row, event)
