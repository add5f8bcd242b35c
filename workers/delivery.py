"""What a worker is handed: an event that woke it, or a tick of its timer that tells of one row."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from storage.access import Access, Cause
from storage.ids import new_id, public_id
from storage.tables.operations import EventRow
from storage.tables.scoped import TenantScoped

_DUE = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """``key`` stands in ``processed``: the event's id, or the tick's name; ``payload`` is empty for a tick."""

    key: str
    name: str
    tenant_id: UUID
    project_id: UUID | None
    module_id: UUID | None
    subject_type: str
    subject_id: UUID
    occurred_at: datetime
    payload: dict[str, Any]
    cause: Cause

    @property
    def access(self) -> Access:
        """All of the tenant."""
        return Access(tenant_id=self.tenant_id)

    @property
    def subject(self) -> str:
        """The outward id of what it is about."""
        return public_id(self.subject_type, self.subject_id)


@dataclass(frozen=True, kw_only=True)
class Due:
    """A row whose time has come, as a ``due`` query answers it."""

    tenant_id: UUID
    id: UUID
    due_at: datetime


def of_event(event: EventRow) -> Delivery:
    """What follows an event inherits its trace, its conversation and who answers for it."""
    name = public_id("Event", event.event_id)
    return Delivery(
        key=event.event_id.hex,
        name=name,
        tenant_id=event.tenant_id,
        project_id=event.project_id,
        module_id=event.module_id,
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        occurred_at=event.occurred_at,
        payload=event.payload,
        cause=Cause(
            actor_id=event.actor_id,
            on_behalf_of=event.on_behalf_of,
            trace_id=event.trace_id,
            correlation_id=event.correlation_id,
            causation_id=name,
        ),
    )


def of_tick(key: str, row: TenantScoped) -> Delivery:
    """Nobody acts in a tick; its name is what caused what follows, in the row's trace."""
    trace = getattr(row, "trace_id", None) or new_id().hex
    return Delivery(
        key=key,
        name=key,
        tenant_id=row.tenant_id,
        project_id=getattr(row, "project_id", None),
        module_id=getattr(row, "module_id", None),
        subject_type=row.type_name,
        subject_id=row.id,
        occurred_at=due_at(key),
        payload={},
        cause=Cause(actor_id=None, on_behalf_of=None, trace_id=trace, correlation_id=key, causation_id=key),
    )


def tick(worker: str, due: Due) -> str:
    """``tick:<worker>:<rowId>:<dueAt>``: the same however often the timer fires."""
    return f"tick:{worker}:{due.id.hex}:{due.due_at.astimezone(UTC).strftime(_DUE)}"


def is_tick(key: str) -> bool:
    """Whether a delivery is a tick's."""
    return key.startswith("tick:")


def row_of(key: str) -> UUID:
    """The row that a tick tells of."""
    return UUID(hex=key.split(":")[2])


def due_at(key: str) -> datetime:
    """When a tick was due."""
    return datetime.strptime(key.split(":")[3], _DUE).replace(tzinfo=UTC)
