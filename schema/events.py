"""The canonical event envelope."""

import re
from datetime import datetime
from typing import Any, Final

import strawberry
from strawberry.scalars import JSON

from schema.scalars import BigInt
from storage.event_log import envelope
from storage.tables.operations import EventRow

_CURSOR: Final = re.compile(r"e(0|[1-9a-f][0-9a-f]{0,14})")


@strawberry.type(description="One event of the canonical stream.")
class Event:
    """The envelope of ``domain.md`` as a type."""

    cursor: str = strawberry.field(description="Resume from here: pass it as after.")
    event_id: strawberry.ID = strawberry.field(description="Unique id; the anchor of a consumer's idempotency.")
    event_type: str = strawberry.field(description="NounVerbPastTense.")
    schema_version: int = strawberry.field(description="Version of the payload's shape, per type.")
    tenant_id: strawberry.ID = strawberry.field(description="The tenant.")
    sequence: BigInt = strawberry.field(description="Dense per tenant, from 1.")
    project_id: strawberry.ID | None = strawberry.field(description="The project, when the event is of one.")
    module_id: strawberry.ID | None = strawberry.field(description="The module, when the event is of one.")
    subject_type: str = strawberry.field(description="Type of the node it tells of.")
    subject_id: strawberry.ID = strawberry.field(description="Id of the node it tells of.")
    trace_id: str = strawberry.field(description="One from artifact to running system, 32 hex digits.")
    correlation_id: str = strawberry.field(description="The client's request.")
    causation_id: str = strawberry.field(description="The event or request that caused it.")
    actor: strawberry.ID | None = strawberry.field(description="The identity that acted.")
    on_behalf_of: strawberry.ID | None = strawberry.field(description="Who answers for the agent that acted.")
    occurred_at: datetime = strawberry.field(description="When, in UTC.")
    payload: JSON = strawberry.field(description="What the type of event tells.")
    prev_hash: str = strawberry.field(description="Hash of the tenant's event before.")
    hash: str = strawberry.field(description="SHA-256 over the envelope, prevHash included.")


def event_of(row: EventRow) -> Event:
    """The row as an envelope with its cursor."""
    told: dict[str, Any] = envelope(row)
    return Event(
        cursor=cursor_of(row.sequence),
        event_id=told["eventId"],
        event_type=row.event_type,
        schema_version=row.schema_version,
        tenant_id=told["tenantId"],
        sequence=BigInt(row.sequence),
        project_id=told["projectId"],
        module_id=told["moduleId"],
        subject_type=row.subject_type,
        subject_id=told["subjectId"],
        trace_id=row.trace_id,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        actor=told["actor"],
        on_behalf_of=told["onBehalfOf"],
        occurred_at=row.occurred_at,
        payload=JSON(row.payload),
        prev_hash=row.prev_hash,
        hash=row.hash,
    )


def cursor_of(sequence: int) -> str:
    """The opaque cursor of a place in the tenant's stream."""
    return f"e{sequence:x}"


def sequence_of(cursor: str) -> int:
    """The place of a cursor; ValueError when it is not one of ours."""
    if _CURSOR.fullmatch(cursor) is None:
        raise ValueError(f"{cursor[:40]!r} is not a cursor of events")
    return int(cursor[1:], 16)
