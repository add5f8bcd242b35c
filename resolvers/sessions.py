"""What stays open on a token ends with it; and what runs beside a connection ends with the connection."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

from services.actor import Actor
from services.events.platform import TokenRevoked
from services.platform.issuer import InvalidToken
from storage.hub import Hub
from storage.tables.operations import EventRow

REMEMBERED: Final = 1_000


class Gone(Exception):
    """The client went away, or takes nothing any more."""


class Sessions:
    """Every session of a token ends at its expiry, and within a second of its revocation in whatever process.

    ``authenticate`` answers by what is committed when it is called: what is revoked later, the hub tells.
    """

    def __init__(self, hub: Hub, authenticate: Callable[[str], Awaitable[Actor]]) -> None:
        self._hub = hub
        self._authenticate = authenticate
        self._open: defaultdict[UUID, set[asyncio.Timeout]] = defaultdict(set)
        self._revoked: OrderedDict[UUID, None] = OrderedDict()
        hub.listeners.append(self._hear)

    @asynccontextmanager
    async def of(self, token: str) -> AsyncIterator[Actor]:
        """The caller, for as long as the token lives; InvalidToken at once, or in the midst of it when it dies."""
        async with self._hub.listening():
            actor = await self._authenticate(token)
            try:
                async with asyncio.timeout(max(0.0, actor.expires_at - time.time())) as life:
                    async with self._noted(actor.token_id, life):
                        yield actor
            except TimeoutError as error:
                if not life.expired():
                    raise
                raise InvalidToken("the token was revoked or has expired: issue a new one") from error

    @asynccontextmanager
    async def _noted(self, token_id: UUID, life: asyncio.Timeout) -> AsyncIterator[None]:
        self._open[token_id].add(life)
        try:
            if token_id in self._revoked:
                raise InvalidToken("the token was revoked: issue a new one")
            yield
        finally:
            self._open[token_id].discard(life)
            if not self._open[token_id]:
                del self._open[token_id]

    def _hear(self, rows: Sequence[EventRow]) -> None:
        for row in rows:
            if row.event_type != TokenRevoked.__name__:
                continue
            self._revoked[row.subject_id] = None
            if len(self._revoked) > REMEMBERED:
                self._revoked.popitem(last=False)
            for life in self._open.get(row.subject_id, ()):
                if not life.expired():
                    life.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def beside(*sides: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs these beside the body and stops them after it; the first that ends, ends the body with what it raised."""
    loop = asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(side) for side in sides]
    inside = True

    def end(_: asyncio.Task[None]) -> None:
        if inside and not body.expired():
            body.reschedule(loop.time())

    try:
        async with asyncio.timeout(None) as body:
            for task in tasks:
                task.add_done_callback(end)
            try:
                yield
            finally:
                inside = False
    except TimeoutError:
        for task in tasks:
            if body.expired() and task.done():
                task.result()
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
