"""Statements over lineage edges: what an edge of one kind leads to, and the edges of a set of nodes."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import and_, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.access import Access, Edge
from storage.queries.conditions import Condition, conditions
from storage.queries.rows import PARENTS, Page, paged
from storage.queries.visible import sight, visible
from storage.tables.operations import EdgeRow, EventRow
from storage.tables.scoped import TenantScoped

R = TypeVar("R", bound=TenantScoped)


class LineageQueries:
    """Reads of one tenant's edges, as far as the access sees their project."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def edges(self, ids: Sequence[UUID], *, downstream: bool, limit: int) -> list[Edge]:
        """Edges that leave (or reach) these nodes, in a stable order, in one statement."""
        c: Any = EdgeRow
        told: Any = EventRow
        near, far = _ends(downstream)
        columns = (c.kind, c.upstream_type, c.upstream_id, c.downstream_type, c.downstream_id, c.event_id)
        of_event = (told.event_id == c.event_id, *sight(self._access, EventRow))
        statement = visible(self._access, EdgeRow, *columns, told.occurred_at).join(EventRow, and_(*of_event))
        ordered = statement.where(near.in_(ids)).order_by(near, far, c.kind).limit(limit)
        return [
            Edge(kind=kind, upstream=(up, up_id), downstream=(down, down_id), event_id=event_id, created_at=at)
            for kind, up, up_id, down, down_id, event_id, at in await self._session.execute(ordered)
        ]

    async def leading_to(self, node: UUID, *, kind: str, ids: Sequence[UUID]) -> set[UUID]:
        """Those of these nodes that an edge of the kind leads from to the node."""
        c: Any = EdgeRow
        statement = visible(self._access, EdgeRow, c.upstream_id).where(
            c.upstream_id.in_(ids), c.downstream_id == node, c.kind == kind
        )
        return set((await self._session.execute(statement)).scalars())

    async def linked(
        self, kind: type[R], edge: tuple[str, bool], ids: Sequence[UUID], page: Page
    ) -> dict[UUID, list[R]]:
        """The same page of what an edge (its kind, whether downstream) leads to from each node, in one statement."""
        found: dict[UUID, list[R]] = {row_id: [] for row_id in ids}
        for start in range(0, len(ids), PARENTS):
            parts = []
            for place, row_id in enumerate(ids[start : start + PARENTS], start):
                below = paged(self._access, kind, page, self._leads_to(kind, edge, row_id)).subquery()
                parts.append(select(below, literal(place).label("linked_from")))
            union = union_all(*parts).subquery()
            for row, place in await self._session.execute(select(aliased(kind, union), union.c.linked_from)):
                found[ids[place]].append(row)
        return found

    async def counts(
        self, kind: type[R], edge: tuple[str, bool], ids: Sequence[UUID], where: Iterable[Condition]
    ) -> dict[UUID, int]:
        """How many visible rows that match the edge leads to from each node, in one statement."""
        c: Any = EdgeRow
        target: Any = kind
        near, far = _ends(edge[1])
        statement = visible(self._access, kind, near, func.count(target.id)).join(EdgeRow, far == target.id)
        statement = statement.where(*sight(self._access, EdgeRow), near.in_(ids), c.kind == edge[0])
        grouped = await self._session.execute(statement.where(*conditions(kind, where)).group_by(near))
        return dict.fromkeys(ids, 0) | dict(grouped.all())

    def _leads_to(self, kind: type[R], edge: tuple[str, bool], row_id: UUID) -> Any:
        c: Any = EdgeRow
        near, far = _ends(edge[1])
        target: Any = kind
        return target.id.in_(visible(self._access, EdgeRow, far).where(near == row_id, c.kind == edge[0]))


def _ends(downstream: bool) -> tuple[Any, Any]:
    c: Any = EdgeRow
    return (c.upstream_id, c.downstream_id) if downstream else (c.downstream_id, c.upstream_id)
