"""Relay connections over keyset pages: opaque cursors, at most 100 a page, totalCount only when asked for."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
import strawberry
from strawberry.types import Info

from schema.mapping import IdColumn, OneBack, ToMany, sources
from services.errors import InvalidInput
from storage.ids import parse_id
from storage.queries.rows import Page

T = TypeVar("T")
PAGE, MOST = 50, 100


@strawberry.enum(description="Which way an ordering runs.")
class Direction(Enum):
    """Oldest or smallest first, or last."""

    ASC = "ASC"
    DESC = "DESC"


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
    where: Mapping[str, object],
    order: tuple[str, bool],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Asked:
    """The keyset page of these arguments; InvalidInput names the one that cannot be."""
    if first is not None and last is not None:
        raise InvalidInput("first and last exclude each other", field="last")
    backward = last is not None or before is not None
    size = first if first is not None else last if last is not None else PAGE
    if not 1 <= size <= MOST:
        raise InvalidInput(f"a page has 1 to {MOST} nodes, not {size}", field="last" if backward else "first")
    cursor = before if backward else after
    column, descending = order
    page = Page(
        limit=size + 1,
        where=where,
        order_by=column,
        descending=descending != backward,
        after=None if cursor is None else _decode(cursor, column),
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
    value = getattr(row, column)
    value = value.isoformat() if isinstance(value, datetime) else value.hex if isinstance(value, UUID) else value
    return base64.urlsafe_b64encode(orjson.dumps([column, value, row.id.hex])).decode().rstrip("=")


def _decode(cursor: str, column: str) -> tuple[object, UUID]:
    try:
        name, value, row_id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if name != column:
            raise ValueError("of another ordering")
        if column.endswith("_at"):
            value = datetime.fromisoformat(value)
        return value, UUID(hex=row_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"cursor {cursor[:60]!r} is not of this list and ordering: leave it out", field="after"
        ) from error


def where_of(type_: type, filters: Any) -> dict[str, object]:
    """A filter input as column values, by the type's own declarations; a list is any of its values."""
    if filters is None:
        return {}
    declared = sources(type_)
    where: dict[str, object] = {}
    for name, value in vars(filters).items():
        if value is None or value is strawberry.UNSET:
            continue
        source: Any = declared[name]
        plain = [_plain(item, source, name) for item in (value if isinstance(value, list) else [value])]
        where[source.name] = tuple(plain) if isinstance(value, list) else plain[0]
    return where


def _plain(value: Any, source: Any, name: str) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(source, IdColumn):
        return id_of(value, source.target, name)
    return value


def id_of(value: str, target: str, field: str) -> UUID:
    """The UUID of an outward id of this type; InvalidInput when it is malformed or of another type."""
    try:
        kind, row_id = parse_id(value)
    except ValueError as error:
        raise InvalidInput(f"{field}: {error}", field=field) from error
    if kind != target:
        raise InvalidInput(f"{field} {value!r} is the id of a {kind}, not of a {target}", field=field)
    return row_id


def to_many(target: str, key: str, returns: Any, description: str, *, order: str = "id") -> Any:
    """A field that is a connection of the rows pointing here, by this column unless turned."""

    async def read(
        root: Any,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        direction: Direction = Direction.ASC,
    ) -> Any:
        wanted = asked({}, (order, direction is Direction.DESC), first, after, last, before)
        return await info.context.loaders.many(target, key, root.row.id, wanted)

    read.__annotations__["return"] = returns
    return strawberry.field(resolver=read, description=description, metadata={"source": ToMany(key=key, target=target)})


def one_back(target: str, key: str, description: str) -> Any:
    """A field that is the one row pointing here, or null."""

    async def read(root: Any, info: Info) -> Any:
        only = asked({}, ("id", False), 1, None, None, None)
        return next(iter((await info.context.loaders.many(target, key, root.row.id, only)).nodes()), None)

    del read.__annotations__["return"]
    source = OneBack(key=key, target=target)
    return strawberry.field(resolver=read, description=description, metadata={"source": source})
