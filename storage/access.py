"""On whose behalf storage is asked: the tenants, the projects and the cause that events carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

EdgeKind = Literal[
    "COMMITTED_AS",
    "PROPOSED_IN",
    "MERGED_AS",
    "DEFINES",
    "BUILT_BY",
    "PRODUCED",
    "PACKAGED_AS",
    "IMAGED_AS",
    "INCLUDED_IN",
    "DECIDED_BY",
    "RENDERED_AS",
    "PROMOTED_AS",
    "PLANNED_AS",
    "PROVISIONED",
    "DEPLOYED_AS",
]
End = tuple[str, UUID]


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """What statements of one session may touch; ``project_ids`` None means every project of the tenant."""

    tenant_id: UUID
    project_ids: tuple[UUID, ...] | None = None
    also: tuple[UUID, ...] = ()

    @property
    def tenants(self) -> tuple[UUID, ...]:
        """Every tenant that may be written; the first is the one that is read."""
        return (self.tenant_id, *self.also)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """Who acted and what for; copied onto each event of a unit of work."""

    actor_id: UUID | None
    on_behalf_of: UUID | None
    trace_id: str
    correlation_id: str
    causation_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """An event before it has its place in the log; ``payload`` is JSON with outward ids and camelCase keys."""

    event_type: str
    schema_version: int
    subject_type: str
    subject_id: UUID
    payload: dict[str, object]
    project_id: UUID | None = None
    module_id: UUID | None = None
    trace_id: str | None = None
    tenant_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEdge:
    """A lineage edge, upstream to downstream, each end a (type name, id)."""

    kind: EdgeKind
    upstream: End
    downstream: End
    project_id: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """A lineage edge as it is read, with the event that it was written with and when that happened."""

    kind: str
    upstream: End
    downstream: End
    event_id: UUID
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyKey:
    """A client's key with the identity that sent it and the sha256 of the command's content."""

    identity_id: UUID
    key: str
    body_hash: str


def event_ids(rows: Sequence[UUID]) -> list[str]:
    """Hex forms as the idempotency record stores them."""
    return [row.hex for row in rows]
