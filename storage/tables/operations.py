"""Rows of the machinery: the event log, lineage, idempotency, workers' cursors and dead letters."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, Integer, UniqueConstraint, Uuid, text
from sqlmodel import Field, SQLModel

from storage.tables.scoped import TenantScoped, UtcDateTime

Position = BigInteger().with_variant(Integer(), "sqlite")
_TICKS = text("delivery LIKE 'tick:%'")


class EventRow(SQLModel, table=True):
    """One event of the canonical stream; append-only."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("tenant_id", "sequence", name="uq_events_sequence"),
        UniqueConstraint("tenant_id", "event_id", name="uq_events_event_id"),
        Index("ix_events_subject", "tenant_id", "subject_id", "sequence"),
        Index("ix_events_trace", "tenant_id", "trace_id", "sequence"),
    )
    type_name: ClassVar[str] = "Event"
    position: int | None = Field(default=None, sa_type=Position, primary_key=True)
    event_id: UUID = Field(sa_type=Uuid)
    event_type: str
    schema_version: int
    tenant_id: UUID = Field(sa_type=Uuid)
    sequence: int = Field(sa_type=BigInteger)
    project_id: UUID | None = Field(default=None, sa_type=Uuid)
    module_id: UUID | None = Field(default=None, sa_type=Uuid)
    subject_type: str
    subject_id: UUID = Field(sa_type=Uuid)
    trace_id: str
    correlation_id: str
    causation_id: str
    actor_id: UUID | None = Field(default=None, sa_type=Uuid)
    on_behalf_of: UUID | None = Field(default=None, sa_type=Uuid)
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    payload: dict[str, Any] = Field(sa_type=JSON)
    prev_hash: str
    hash: str


class LogHeadRow(SQLModel, table=True):
    """The last sequence and hash of a tenant's chain."""

    __tablename__ = "log_heads"
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    sequence: int = Field(sa_type=BigInteger)
    hash: str


class EdgeRow(SQLModel, table=True):
    """A lineage edge, upstream to downstream."""

    __tablename__ = "edges"
    __table_args__ = (Index("ix_edges_downstream", "tenant_id", "downstream_id", "upstream_id"),)
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    upstream_id: UUID = Field(sa_type=Uuid, primary_key=True)
    downstream_id: UUID = Field(sa_type=Uuid, primary_key=True)
    kind: str = Field(primary_key=True)
    upstream_type: str
    downstream_type: str
    project_id: UUID | None = Field(default=None, sa_type=Uuid)
    event_id: UUID = Field(sa_type=Uuid)


class IdempotencyRow(SQLModel, table=True):
    """The committed outcome of a client's key: node and events, kept for 7 days."""

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_created", "created_at"),)
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    identity_id: UUID = Field(sa_type=Uuid, primary_key=True)
    key: str = Field(primary_key=True)
    body_hash: str
    node_type: str
    node_id: UUID = Field(sa_type=Uuid)
    event_ids: list[str] = Field(sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ProcessedRow(SQLModel, table=True):
    """That a worker's effect of an event (or tick) is committed, and when the execution began that did it.

    Outlives the engine's rows.
    """

    __tablename__ = "processed"
    __table_args__ = (Index("ix_processed_ticks", "created_at", sqlite_where=_TICKS, postgresql_where=_TICKS),)
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    worker: str = Field(primary_key=True)
    delivery: str = Field(primary_key=True)
    began_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ExecutionRow(SQLModel, table=True):
    """Which execution of a delivery may still change anything: the newest that made progress."""

    __tablename__ = "executions"
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    worker: str = Field(primary_key=True)
    delivery: str = Field(primary_key=True)
    token: int = Field(sa_type=BigInteger)


class ProgressRow(SQLModel, table=True):
    """A unit of work that a delivery's act has committed; gone once the delivery is processed."""

    __tablename__ = "progress"
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    worker: str = Field(primary_key=True)
    delivery: str = Field(primary_key=True)
    key: str = Field(primary_key=True)


class CursorRow(SQLModel, table=True):
    """The last log position that a worker was handed."""

    __tablename__ = "cursors"
    worker: str = Field(primary_key=True)
    position: int = Field(sa_type=BigInteger)


class DeadLetterRow(TenantScoped, table=True):
    """A delivery whose last attempt failed; an operator replays it."""

    __tablename__ = "dead_letters"
    __table_args__ = (UniqueConstraint("tenant_id", "worker", "delivery", name="uq_dead_letters_delivery"),)
    type_name: ClassVar[str] = "DeadLetter"
    project_id: UUID | None = Field(default=None, sa_type=Uuid)
    worker: str
    delivery: str
    subject: str | None = None
    attempts: int
    reason: str
    replays: int = 0
    status: str = "OPEN"


class UploadRow(SQLModel, table=True):
    """Content that was uploaded for a project and waits to be used; ``project_id`` is the tenant's id for all of them.

    The content lies in the blob store. ``created_at`` is when it came last, ``created_by`` who brought it then.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_created", "created_at"),
        Index("ix_uploads_digest", "tenant_id", "digest"),
    )
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    project_id: UUID = Field(sa_type=Uuid, primary_key=True)
    digest: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    created_by: UUID = Field(sa_type=Uuid)
    created_at: datetime = Field(sa_type=UtcDateTime)
