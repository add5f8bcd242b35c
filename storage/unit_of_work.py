"""One transaction: rows, lineage edges, the idempotency record and the events commit together or not at all."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from storage import event_log
from storage.access import Access, Cause, IdempotencyKey, NewEdge, NewEvent
from storage.engine import Database
from storage.errors import Contended, StorageError
from storage.ids import new_id
from storage.queries.lineage import LineageQueries
from storage.queries.operations import OperationQueries
from storage.queries.packages import PackageQueries
from storage.queries.pipelines import PipelineQueries
from storage.queries.platform import PlatformQueries
from storage.queries.registry import RegistryQueries
from storage.queries.rows import Rows
from storage.queries.source_control import SourceControlQueries
from storage.queries.uploads import UploadQueries
from storage.tables.operations import EdgeRow, EventRow, IdempotencyRow
from storage.tables.scoped import now
from storage.upserts import insert_or_keep

_KEEP_EDGE = insert_or_keep(EdgeRow)
_INSERT_KEY = insert(IdempotencyRow)

ATTEMPTS: Final = 5
T = TypeVar("T")
Hear = Callable[[Sequence[EventRow]], None]


class UnitOfWork:
    """What a service works on; only the resolver, the worker runtime and their like commit it."""

    def __init__(self, session: AsyncSession, access: Access, cause: Cause, heard: Sequence[Hear] = ()) -> None:
        self.access = access
        self.cause = cause
        self.rows = Rows(session, access)
        self.platform = PlatformQueries(session, access)
        self.source_control = SourceControlQueries(session, access)
        self.pipelines = PipelineQueries(session, access)
        self.packages = PackageQueries(session, access)
        self.operations = OperationQueries(session, access)
        self.lineage = LineageQueries(session, access)
        self.uploads = UploadQueries(session, access)
        self.registry = RegistryQueries(session, access)
        self._session = session
        self._heard = heard
        self._events: list[NewEvent] = []
        self._edges: list[tuple[NewEdge, int]] = []
        self._key: tuple[IdempotencyKey, str, UUID] | None = None

    @property
    def tenant_id(self) -> UUID:
        """The tenant whose rows are read and written."""
        return self.access.tenant_id

    def append(self, event: NewEvent) -> None:
        """Buffers an event; it is numbered at the commit."""
        self._events.append(event)

    def link(self, edge: NewEdge) -> None:
        """Buffers a lineage edge, written by the event before it; one that exists already is left as it is."""
        self._edges.append((edge, max(len(self._events) - 1, 0)))

    def remember(self, key: IdempotencyKey, node_type: str, node_id: UUID) -> None:
        """Keeps the outcome under the client's key, in this same commit."""
        self._key = (key, node_type, node_id)

    async def commit(self) -> list[EventRow]:
        """Everything or nothing; UniqueViolation when an index refuses. Answers the events as they stand in the log."""
        events = await self._session.run_sync(self._write)
        for hear in self._heard:
            hear(events)
        self._events, self._edges, self._key = [], [], None
        return events

    def _write(self, session: Session) -> list[EventRow]:
        session.flush()
        numbered = [(new_id(), event) for event in self._events]
        connection = session.connection()
        ids = [event_id for event_id, _ in numbered]
        if self._edges:
            connection.execute(_KEEP_EDGE[connection.dialect.name], self._edge_values(ids))
        if self._key is not None:
            connection.execute(_INSERT_KEY, [self._key_values(ids)])
        events = event_log.append(session, self.access, self.cause, numbered)
        session.commit()
        return events

    def _edge_values(self, events: list[UUID]) -> list[dict[str, object]]:
        return [
            {
                "tenant_id": self.tenant_id,
                "upstream_id": edge.upstream[1],
                "downstream_id": edge.downstream[1],
                "kind": edge.kind,
                "upstream_type": edge.upstream[0],
                "downstream_type": edge.downstream[0],
                "project_id": edge.project_id,
                "event_id": events[place],
            }
            for edge, place in self._edges
        ]

    def _key_values(self, events: list[UUID]) -> dict[str, object]:
        assert self._key is not None
        key, node_type, node_id = self._key
        return {
            "tenant_id": self.tenant_id,
            "identity_id": key.identity_id,
            "key": key.key,
            "body_hash": key.body_hash,
            "node_type": node_type,
            "node_id": node_id,
            "event_ids": [event_id.hex for event_id in events],
            "created_at": now(),
        }


@asynccontextmanager
async def unit_of_work(database: Database, access: Access, cause: Cause) -> AsyncIterator[UnitOfWork]:
    """A unit of work that rolls back unless it was committed; the log's tails hear of its events then."""
    async with database.writing(access) as session:
        yield UnitOfWork(session, access, cause, database.heard)


async def repeated(attempt: Callable[[], Awaitable[T]], *, on: tuple[type[StorageError], ...] = (Contended,)) -> T:
    """Whole units of work, again when the database ends them in favour of another; the error after the fifth time."""
    for number in range(1, ATTEMPTS):
        try:
            return await attempt()
        except on:
            await asyncio.sleep(random.uniform(0, 0.02 * 2**number))
    return await attempt()
