"""What a subscription field answers: values, each at its place in the tenant's stream, from any cursor."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from resolvers.context import Context
from schema.events import cursor_of, sequence_of
from schema.mapping import id_of
from services.errors import InvalidCursor, Lagged, absent
from storage.event_log import EventFilter
from storage.hub import Lagged as Behind
from storage.hub import Subscriber
from storage.tables.operations import EventRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Moment(Generic[T]):
    """A value that is made when somebody wants it; ``event`` is False for a state that no event told."""

    sequence: int
    value: Callable[[], Awaitable[T]]
    event: bool = True

    @property
    def cursor(self) -> str:
        """Where to resume behind it."""
        return cursor_of(self.sequence)


class Stream(AsyncIterator[T]):
    """Follows the log for one subscription; ``about`` is what its values depend on besides the event."""

    def __init__(
        self,
        context: Context,
        wanted: EventFilter,
        after: int,
        view: Callable[[EventRow], Awaitable[T]],
        *,
        about: Hashable = None,
        first: Callable[[], Awaitable[T]] | None = None,
    ) -> None:
        self.about = about
        self._context = context
        self._wanted = wanted
        self._place = after
        self._waiting = False
        self._view = view
        self._first = first
        self._subscriber: Subscriber | None = None
        self._plain: AsyncGenerator[T, None] | None = None

    @property
    def cursor(self) -> str:
        """Where to resume: behind everything that was taken from here, wanted or not."""
        if self._waiting and self._subscriber is not None:
            return cursor_of(self._subscriber.sequence)
        return cursor_of(self._place)

    async def moments(self) -> AsyncGenerator[Moment[T], None]:
        """One for each event that is wanted, as it comes; Lagged when they are taken too slowly."""
        hub, access = self._context.hub, self._context.actor.access
        async with hub.subscribe(access, self._wanted, after=self._place) as subscriber:
            self._subscriber = subscriber
            if self._first is not None:
                yield Moment(self._place, self._first, event=False)
            while True:
                self._waiting = True
                try:
                    rows = await subscriber.next()
                except Behind as error:
                    raise Lagged(cursor_of(error.sequence)) from error
                self._waiting = False
                for row in rows:
                    yield Moment(row.sequence, partial(self._view, row))
                    self._place = row.sequence

    async def _values(self) -> AsyncGenerator[T, None]:
        async with aclosing(self.moments()) as moments:
            async for moment in moments:
                yield await moment.value()

    async def __anext__(self) -> T:
        """For a caller that executes each value by itself."""
        if self._plain is None:
            self._plain = self._values()
        return await anext(self._plain)

    async def aclose(self) -> None:
        """Ends what ``anext`` began."""
        if self._plain is not None:
            await self._plain.aclose()


async def start(context: Context, after: str | None, *, beginning: bool) -> int:
    """The sequence a subscription starts after; InvalidCursor for a place that the stream never reached."""
    after = context.resume_after or after
    if after is None and beginning:
        return 0
    head = await context.hub.head(context.actor.access)
    if after is None:
        return head
    try:
        sequence = sequence_of(after)
    except ValueError as error:
        raise InvalidCursor(f"{error}: pass one that an event carried, or from: BEGINNING", field="after") from error
    if sequence > head:
        raise InvalidCursor(
            f"{after!r} lies beyond this tenant's stream, which is at {cursor_of(head)!r}", field="after"
        )
    return sequence


async def watch(context: Context, target: str, id: str) -> Stream[Any]:
    """The node as it is, then again after each of its events; NotFound when it is out of sight, or once it is."""
    row_id = id_of(id, target, "id")

    async def node(_: EventRow | None = None) -> Any:
        found = await context.loaders.one(target, row_id)
        if found is None:
            raise absent(target, id, field="id")
        return found

    head = await context.hub.head(context.actor.access)
    found = await node()

    async def now() -> Any:
        return found

    return Stream(context, EventFilter(subject_id=row_id), head, node, about=row_id, first=now)
