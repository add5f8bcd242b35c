"""Relay connections over keyset pages: opaque cursors, at most 100 a page, totalCount only when asked for.

``to_many`` below a parent, ``every`` at the root: each with the filter and the orderings of its type.
"""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
import strawberry
from strawberry.types import Info

from schema.filters import InputOf, Ordering, filter_of, narrowed, order_of
from schema.mapping import Every, Source, ToMany
from services.actor import Scope
from services.errors import InvalidInput
from storage.queries.conditions import Condition
from storage.queries.rows import Page

T = TypeVar("T")
PAGE, MOST = 50, 100
BY_ID = Ordering()


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Cursors are of the first and last edge."""

    has_next_page: bool = strawberry.field(description="Whether more edges follow.")
    has_previous_page: bool = strawberry.field(description="Whether edges come before.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last edge.")


@strawberry.type(description="One node of a page.")
class Edge(Generic[T]):
    """A node with the cursor to go on from it."""

    cursor: str = strawberry.field(description="Opaque; pass it as after or before.")
    node: T = strawberry.field(description="The node.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """A page; the count is a statement of its own."""

    edges: list[Edge[T]] = strawberry.field(description="The page's edges.")
    page_info: PageInfo = strawberry.field(description="Where the page lies.")
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="The page's nodes.")
    def nodes(self) -> list[T]:
        """Without the edges."""
        return [edge.node for edge in self.edges]

    @strawberry.field(description="How many there are in all; costs a count.")
    async def total_count(self) -> int:
        """Counted only when asked for."""
        return await self.count()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A page as a client asked for it, with its arguments checked."""

    page: Page
    size: int
    backward: bool
    continued: bool


def asked(
    where: tuple[Condition, ...] = (),
    order: Ordering = BY_ID,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Asked:
    """The keyset page of these arguments; InvalidInput names the one that cannot be."""
    if first is not None and last is not None:
        raise InvalidInput("first and last exclude each other", field="last")
    backward = last is not None or before is not None
    size = first if first is not None else last if last is not None else PAGE
    if not 1 <= size <= MOST:
        raise InvalidInput(f"a page has 1 to {MOST} nodes, not {size}", field="last" if backward else "first")
    cursor = before if backward else after
    page = Page(
        limit=size + 1,
        where=where,
        order_by=order.column,
        descending=order.descending != backward,
        after=None if cursor is None else _decode(cursor, order, "before" if backward else "after"),
    )
    return Asked(page=page, size=size, backward=backward, continued=cursor is not None)


def connect(
    wanted: Asked, rows: list[Any], wrap: Callable[[Any], T], count: Callable[[], Awaitable[int]]
) -> Connection[T]:
    """The connection of a page's rows, of which one more than asked for was read."""
    more = len(rows) > wanted.size
    rows = rows[: wanted.size]
    if wanted.backward:
        rows.reverse()
    edges = [Edge(cursor=_encode(row, wanted.page.order_by), node=wrap(row)) for row in rows]
    info = PageInfo(
        has_next_page=wanted.continued if wanted.backward else more,
        has_previous_page=more if wanted.backward else wanted.continued,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, count=count)


def _encode(row: Any, column: str) -> str:
    value = None if column == "id" else getattr(row, column)
    value = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(orjson.dumps([column, value, row.id.hex])).decode().rstrip("=")


def _decode(cursor: str, order: Ordering, field: str) -> tuple[object, UUID]:
    try:
        name, value, row_id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if name != order.column:
            raise ValueError("of another ordering")
        if order.holds is UUID:
            return None, UUID(hex=row_id)
        if order.holds is datetime and value is not None:
            value = datetime.fromisoformat(value).astimezone(UTC)
        if not (_fits(value, order.holds) or (value is None and order.nullable)):
            raise ValueError("of another type")
        return value, UUID(hex=row_id)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidInput(
            f"cursor {cursor[:60]!r} is not of this list and ordering: leave it out", field=field
        ) from error


def _fits(value: object, holds: type) -> bool:
    if isinstance(value, str):
        return holds is str and "\0" not in value
    if isinstance(value, int):
        return holds is int and not isinstance(value, bool) and abs(value) < 2**63
    return holds is datetime and isinstance(value, datetime)


def listed(
    target: str, returns: Any, description: str, source: Source, load: Callable[[Any, Any, Asked], Awaitable[Any]]
) -> Any:
    """A field that is a connection of the target, with its filter and orderings; ``load(info, root, asked)`` reads."""

    async def read(
        root: Any,
        info: Info,
        filter: Any = None,
        order_by: Any = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        where, order = narrowed(target, filter, order_by)
        return await load(info, root, asked(where, order, first, after, last, before))

    read.__annotations__ |= {
        "filter": InputOf(target, make=filter_of) | None,
        "order_by": InputOf(target, make=order_of) | None,
        "return": returns,
    }
    return strawberry.field(resolver=read, description=description, metadata={"source": source})


def to_many(target: str, key: str, returns: Any, description: str) -> Any:
    """A field that is a connection of the rows pointing here; siblings share a statement."""
    source = ToMany(key=key, target=target)

    def below(info: Any, root: Any, wanted: Asked) -> Any:
        return info.context.loaders.many(target, key, root.row.id, wanted)

    return listed(target, returns, description, source, below)


def every(target: str, returns: Any, description: str, *, needs: Scope | None = None) -> Any:
    """A field of the root that is a connection of every row in the caller's sight, for who has the scope."""
    source = Every(target=target)

    def all_of_them(info: Any, root: Any, wanted: Asked) -> Any:
        if needs is not None:
            info.context.actor.require(needs)
        return info.context.loaders.root(target, wanted)

    return listed(target, returns, description, source, all_of_them)
