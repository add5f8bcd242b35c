"""Rows by id, by key and by page, for any type; all within one tenant and its visible projects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import Select, asc, desc, func, nulls_first, nulls_last, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.access import Access
from storage.engine import WRITES
from storage.queries.conditions import Condition, beyond, conditions
from storage.queries.kept import ask_by
from storage.queries.visible import visible
from storage.tables.scoped import TenantScoped

R = TypeVar("R", bound=TenantScoped)
PARENTS: Final = 400  # SQLite joins at most 500 subselects in one statement


@dataclass(frozen=True, kw_only=True)
class Page:
    """A keyset page; ``after`` is (order value, id), and null the smallest value."""

    limit: int
    where: tuple[Condition, ...] = ()
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
        lock = lock and self._session.info[WRITES]
        found: R | None = (await self._by(kind, {"id": row_id}, lock=lock)).scalar_one_or_none()
        return found

    async def find(self, kind: type[R], **keys: object) -> R | None:
        """The one row with these column values."""
        if _impossible(keys.values()):
            return None
        found: R | None = (await self._by(kind, keys)).scalar_one_or_none()
        return found

    async def find_locked(self, kind: type[R], **keys: object) -> R | None:
        """The one row with these column values; nobody else changes it before the commit."""
        if _impossible(keys.values()):
            return None
        found: R | None = (await self._by(kind, keys, lock=True)).scalar_one_or_none()
        return found

    async def _by(self, kind: type[R], keys: Mapping[str, object], *, lock: bool = False) -> Any:
        return await ask_by(self._session, self._access, kind, keys, lock=lock)

    async def newest(self, kind: type[R], **keys: object) -> R | None:
        """Of the rows with these column values the one that was made last."""
        if _impossible(keys.values()):
            return None
        statement = visible(self._access, kind).where(*(_column(kind, name) == value for name, value in keys.items()))
        latest = statement.order_by(_column(kind, "id").desc()).limit(1)
        found: R | None = (await self._session.execute(latest)).scalar_one_or_none()
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
        possible = [key for key in keys if not _impossible(key)]
        return list((await self._session.execute(visible(self._access, kind).where(columns.in_(possible)))).scalars())

    async def page(self, kind: type[R], page: Page) -> list[R]:
        """One keyset page."""
        return list((await self._session.execute(paged(self._access, kind, page))).scalars())

    async def pages(self, kind: type[R], parent: str, ids: Sequence[UUID], page: Page) -> dict[UUID, list[R]]:
        """The same page below each parent, in one statement of a keyset subselect per parent."""
        found: dict[UUID, list[R]] = {row_id: [] for row_id in ids}
        for start in range(0, len(ids), PARENTS):
            below = [_column(kind, parent) == row_id for row_id in ids[start : start + PARENTS]]
            parts = [select(paged(self._access, kind, page, term).subquery()) for term in below]
            entity = aliased(kind, union_all(*parts).subquery())
            for row in (await self._session.execute(select(entity))).scalars():
                found[getattr(row, parent)].append(row)
        return found

    async def count(self, kind: type[R], where: Iterable[Condition]) -> int:
        """How many rows match."""
        statement = visible(self._access, kind, func.count(_column(kind, "id"))).where(*conditions(kind, where))
        return int((await self._session.execute(statement)).scalar() or 0)

    async def counts(
        self, kind: type[R], parent: str, ids: Sequence[UUID], where: Iterable[Condition]
    ) -> dict[UUID, int]:
        """How many rows match below each parent, in one statement."""
        key = _column(kind, parent)
        statement = visible(self._access, kind, key, func.count(_column(kind, "id"))).where(key.in_(ids))
        grouped = await self._session.execute(statement.where(*conditions(kind, where)).group_by(key))
        return dict.fromkeys(ids, 0) | dict(grouped.all())

    async def delete(self, row: TenantScoped) -> None:
        """Removes the row and flushes."""
        await self._session.delete(row)
        await self._session.flush()


def _impossible(values: Iterable[object]) -> bool:
    """Whether no row holds them: PostgreSQL's text has no NUL and refuses to be asked for one."""
    return any(isinstance(value, str) and "\0" in value for value in values)


def _column(kind: type[TenantScoped], name: str) -> Any:
    return getattr(kind, name)


def paged(access: Access, kind: type[R], page: Page, *more: Any) -> Select[Any]:
    """One keyset page of the type's visible rows, with further terms."""
    order, key = _column(kind, page.order_by), _column(kind, "id")
    nullable = bool(kind.__table__.c[page.order_by].nullable)  # type: ignore[attr-defined]  # SQLModel hides the table
    statement = visible(access, kind).where(*more, *conditions(kind, page.where))
    if page.after is not None and page.order_by == "id":
        statement = statement.where(key < page.after[1] if page.descending else key > page.after[1])
    elif page.after is not None:
        statement = statement.where(beyond(order, key, page.after, descending=page.descending, nullable=nullable))
    way = desc if page.descending else asc
    first = way(order)
    if nullable:
        first = nulls_last(first) if page.descending else nulls_first(first)
    ordering = [way(key)] if page.order_by == "id" else [first, way(key)]
    return statement.order_by(*ordering).limit(page.limit)


async def anywhere(session: AsyncSession, kind: type[R], row_id: UUID) -> R | None:
    """The row of any tenant; for ticks, in the system role."""
    found: R | None = (await session.execute(select(kind).where(_column(kind, "id") == row_id))).scalar_one_or_none()
    return found
