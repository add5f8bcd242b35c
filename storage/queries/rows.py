"""Rows by id, by key and by page, for any type; all within one tenant and its visible projects."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, and_, asc, desc, func, literal, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.access import Access
from storage.engine import WRITES
from storage.queries.visible import visible
from storage.tables.scoped import TenantScoped

R = TypeVar("R", bound=TenantScoped)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A keyset page: ``where`` maps a column to a value or a tuple of values; ``after`` is (order value, id)."""

    limit: int
    where: Mapping[str, object] = field(default_factory=dict)
    order_by: str = "id"
    descending: bool = False
    after: tuple[object, UUID] | None = None


class Rows:
    """Reads and adds rows of any type."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def add(self, *rows: TenantScoped) -> None:
        """Adds and flushes, so that a unique index speaks here."""
        self._session.add_all(rows)
        await self._session.flush()

    def put(self, row: TenantScoped) -> None:
        """Adds without flushing."""
        self._session.add(row)

    async def get(self, kind: type[R], row_id: UUID, *, lock: bool = False) -> R | None:
        """The row, or None when it is absent, another tenant's or of a project out of sight.

        ``lock`` holds it until the commit; a reading session, which has none, does not wait for it.
        """
        statement = visible(self._access, kind).where(_column(kind, "id") == row_id)
        if lock and self._session.info[WRITES]:
            statement = statement.with_for_update()
        found: R | None = (await self._session.execute(statement)).scalar_one_or_none()
        return found

    async def find(self, kind: type[R], **keys: object) -> R | None:
        """The one row with these column values."""
        statement = visible(self._access, kind).where(*(_column(kind, name) == value for name, value in keys.items()))
        found: R | None = (await self._session.execute(statement)).scalar_one_or_none()
        return found

    async def all(self, kind: type[R], **keys: object) -> list[R]:
        """Every row with these column values, oldest first."""
        statement = visible(self._access, kind).where(*(_column(kind, name) == value for name, value in keys.items()))
        return list((await self._session.execute(statement.order_by(_column(kind, "id")))).scalars())

    async def by_ids(self, kind: type[R], ids: Sequence[UUID]) -> dict[UUID, R]:
        """The visible ones of these rows by id."""
        found = (await self._session.execute(visible(self._access, kind).where(_column(kind, "id").in_(ids)))).scalars()
        return {row.id: row for row in found}

    async def by_keys(self, kind: type[R], names: Sequence[str], keys: Sequence[tuple[object, ...]]) -> list[R]:
        """The visible rows whose columns of these names hold one of the keys."""
        columns = tuple_(*(_column(kind, name) for name in names))
        return list((await self._session.execute(visible(self._access, kind).where(columns.in_(keys)))).scalars())

    async def page(self, kind: type[R], page: Page) -> list[R]:
        """One keyset page."""
        return list((await self._session.execute(paged(self._access, kind, page))).scalars())

    async def pages(self, kind: type[R], parent: str, ids: Sequence[UUID], page: Page) -> dict[UUID, list[R]]:
        """The same page below each parent, in one statement of a keyset subselect per parent."""
        parts = [select(paged(self._access, kind, page, _column(kind, parent) == row_id).subquery()) for row_id in ids]
        entity = aliased(kind, union_all(*parts).subquery())
        found: dict[UUID, list[R]] = {row_id: [] for row_id in ids}
        for row in (await self._session.execute(select(entity))).scalars():
            found[getattr(row, parent)].append(row)
        return found

    async def count(self, kind: type[R], where: Mapping[str, object]) -> int:
        """How many rows the filter matches."""
        statement = visible(self._access, kind, func.count(_column(kind, "id"))).where(*_filters(kind, where))
        return int((await self._session.execute(statement)).scalar() or 0)

    async def delete(self, row: TenantScoped) -> None:
        """Removes the row and flushes."""
        await self._session.delete(row)
        await self._session.flush()


def _column(kind: type[TenantScoped], name: str) -> Any:
    return getattr(kind, name)


def _filters(kind: type[TenantScoped], where: Mapping[str, object]) -> list[Any]:
    return [
        _column(kind, name).in_(value) if isinstance(value, tuple) else _column(kind, name) == value
        for name, value in where.items()
    ]


def paged(access: Access, kind: type[R], page: Page, *more: Any) -> Select[Any]:
    """One keyset page of the type's visible rows, with further conditions."""
    order, key = _column(kind, page.order_by), _column(kind, "id")
    statement = visible(access, kind).where(*more, *_filters(kind, page.where))
    if page.after is not None:
        value, row_id = page.after
        beyond = operator.lt if page.descending else operator.gt
        if page.order_by == "id":
            statement = statement.where(beyond(key, row_id))
        else:
            statement = statement.where(or_(beyond(order, literal(value)), and_(order == value, beyond(key, row_id))))
    way = desc if page.descending else asc
    ordering = [way(key)] if page.order_by == "id" else [way(order), way(key)]
    return statement.order_by(*ordering).limit(page.limit)
