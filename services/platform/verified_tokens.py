"""Who a token's caller is, remembered: a token is verified and looked up once, until it expires or is ended."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from services.actor import Actor
from services.platform.identities import IdentityService
from services.platform.issuer import InvalidToken
from storage import event_log
from storage.access import Access, Cause
from storage.engine import Database
from storage.ids import new_id
from storage.tables.operations import EventRow
from storage.unit_of_work import UnitOfWork

ENTRIES: Final = 10_000
FRESH_SECONDS: Final = 1.0
_SUBJECTS: Final = ("Token", "Identity")


class VerifiedTokens:
    """What this process commits ends a token at once; what another one commits within ``FRESH_SECONDS``.

    Any event about a token or an identity forgets what is remembered of it. The log is looked at only when somebody
    asks and the last look is older than that, so that an idle process does nothing.
    """

    def __init__(self, database: Database, identities: IdentityService, *, entries: int = ENTRIES) -> None:
        self._database = database
        self._identities = identities
        self._entries = entries
        self._known: OrderedDict[bytes, Actor] = OrderedDict()
        self._forgotten = 0
        self._position: int | None = None
        self._looked_at = float("-inf")
        database.heard.append(self.hear)

    async def actor(self, token: str) -> Actor:
        """The caller; InvalidToken when the token is not ours, has expired or was revoked."""
        if time.monotonic() - self._looked_at >= FRESH_SECONDS:
            await self._look()
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        actor = self._known.get(digest)
        if actor is None:
            return await self._verify(token, digest)
        if actor.expires_at <= time.time():
            del self._known[digest]
            raise InvalidToken("the token has expired: issue a new one")
        self._known.move_to_end(digest)
        return actor

    async def actor_now(self, token: str) -> Actor:
        """As ``actor``, by everything that is committed now: for what is asked once and then stays open."""
        await self._look()
        return await self.actor(token)

    def hear(self, events: Sequence[EventRow]) -> None:
        """Forgets whom the events are about."""
        for event in events:
            if event.subject_type in _SUBJECTS:
                self._forget({event.subject_id})

    async def _verify(self, token: str, digest: bytes) -> Actor:
        claims = self._identities.claims(token)
        access = Access(tenant_id=claims.tenant_id)
        cause = Cause(actor_id=None, on_behalf_of=None, trace_id=new_id().hex, correlation_id="", causation_id="")
        forgotten = self._forgotten
        async with self._database.reading(access) as session:
            actor = await self._identities.actor(UnitOfWork(session, access, cause), claims)
        # Rows that were read before an event was heard may be older than it: asked again next time.
        if forgotten == self._forgotten:
            self._known[digest] = actor
            if len(self._known) > self._entries:
                self._known.popitem(last=False)
        return actor

    async def _look(self) -> None:
        """Reads what the log says since the last look; concurrent looks read the same and forget the same."""
        looked_at, after = time.monotonic(), self._position
        async with self._database.reading(None) as session:
            head = await event_log.last_position(session)
            changed = set() if after is None else await event_log.subjects(session, _SUBJECTS, after=after)
        self._forget(changed)
        self._position = max(head, self._position or 0)
        self._looked_at = max(looked_at, self._looked_at)

    def _forget(self, subjects: set[UUID]) -> None:
        if not subjects:
            return
        self._forgotten += 1
        ended = [key for key, one in self._known.items() if one.token_id in subjects or one.identity_id in subjects]
        for key in ended:
            del self._known[key]
