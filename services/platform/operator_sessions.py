"""Short-lived tokens of the operator's admin, for who sits at the machine that serves."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from services.actor import Scope
from services.errors import absent
from services.platform.identities import IdentityService, RevokeToken
from services.platform.issuer import InvalidToken
from services.platform.owner import IssueNamedToken, issue_as_owner
from services.platform.tenants import OPERATOR, OPERATOR_ADMIN
from services.platform.verified_tokens import VerifiedTokens
from storage.access import Access, Cause
from storage.engine import Database
from storage.ids import new_id
from storage.queries.platform import PlatformQueries
from storage.unit_of_work import unit_of_work

LIFETIME: Final = timedelta(hours=8)


class OperatorSessions:
    """Each sign-in is a token with its events in the operator's stream, and ends like any other."""

    def __init__(self, database: Database, identities: IdentityService, tokens: VerifiedTokens) -> None:
        self._database = database
        self._identities = identities
        self._tokens = tokens

    async def begin(self) -> str:
        """A token of the operator's admin that lives for ``LIFETIME``."""
        tenant_id = await self._operator()
        command = IssueNamedToken(
            identity=OPERATOR_ADMIN, projects=(), name="login link", scopes=(Scope.ADMIN,), lifetime=LIFETIME
        )
        async with unit_of_work(self._database, Access(tenant_id=tenant_id), _cause(None)) as uow:
            token = await issue_as_owner(uow, self._identities, command)
            await uow.commit()
        return token

    async def end(self, token: str) -> None:
        """Revokes it; one that is not alive is ended already."""
        try:
            actor = await self._tokens.actor(token)
        except InvalidToken:
            return
        async with unit_of_work(self._database, actor.access, _cause(actor.identity_id)) as uow:
            await self._identities.revoke(uow, actor, RevokeToken(token_id=actor.token_id))
            await uow.commit()

    async def _operator(self) -> UUID:
        async with self._database.reading(None) as session:
            found = await PlatformQueries(session, Access(tenant_id=new_id())).tenant_id_named(OPERATOR)
        if found is None:
            raise absent("tenant", OPERATOR)
        return found


def _cause(actor_id: UUID | None) -> Cause:
    trace = new_id().hex
    return Cause(
        actor_id=actor_id, on_behalf_of=None, trace_id=trace, correlation_id=f"login-{trace}", causation_id="login"
    )
