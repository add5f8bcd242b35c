"""Pages of what has no row: forward only, with cursors that the list itself chooses."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from schema.connections import Connection, Edge, PageInfo, asked

V = TypeVar("V")


def page_size(first: int | None) -> int:
    """What ``first`` asks for, within the bounds of every list."""
    return asked(first=first).size


def forward_page(
    found: Sequence[V],
    size: int,
    *,
    continued: bool,
    cursor: Callable[[V], str],
    wrap: Callable[[V], Any],
    count: Callable[[], Awaitable[int]],
) -> Connection[Any]:
    """The connection of a page of which one more than asked for was read."""
    edges: list[Edge[Any]] = [Edge(cursor=cursor(one), node=wrap(one)) for one in found[:size]]
    info = PageInfo(
        has_next_page=len(found) > size,
        has_previous_page=continued,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, count=count)
