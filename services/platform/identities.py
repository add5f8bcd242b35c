"""IdentityService: who acts, and the tokens they act with."""

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.errors import InvalidInput, absent
from services.events.event import record
from services.events.platform import IdentityCreated, TokenIssued, TokenRevoked
from services.names import slug, words
from services.platform.issuer import Claims, InvalidToken, TokenIssuer
from storage.ids import public_id
from storage.tables.platform import IdentityRow, ProjectRow, TokenRow
from storage.tables.scoped import now
from storage.unit_of_work import UnitOfWork

LONGEST = timedelta(days=366)


class IdentityKind(StrEnum):
    """An agent always acts on behalf of a human."""

    HUMAN = "HUMAN"
    AGENT = "AGENT"


@dataclass(frozen=True, kw_only=True)
class CreateIdentity:
    """Makes an identity; ``on_behalf_of`` is required for an agent and refused for a human."""

    needs: ClassVar = Needs(scope=Scope.IDENTITIES_WRITE, whole_tenant=True)
    name: str
    kind: IdentityKind
    email: str
    on_behalf_of: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class IssueToken:
    """Asks for a token; ``project_ids`` None reaches every project of the tenant."""

    needs: ClassVar = Needs(scope=Scope.IDENTITIES_WRITE)
    identity_id: UUID
    name: str
    scopes: tuple[Scope, ...]
    project_ids: tuple[UUID, ...] | None = None
    lifetime: timedelta = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class RevokeToken:
    """Ends a token."""

    needs: ClassVar = Needs(scope=Scope.IDENTITIES_WRITE)
    token_id: UUID


class IdentityService:
    """Owns identities and tokens."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    async def create(self, uow: UnitOfWork, actor: Actor, command: CreateIdentity) -> IdentityRow:
        """The new identity; its name is unique in the tenant."""
        actor.require(command.needs)
        slug(command.name, "name")
        if "@" not in words(command.email, "email", most=254, least=3):
            raise InvalidInput("email has no '@': commits need an address", field="email")
        if (command.kind is IdentityKind.AGENT) != (command.on_behalf_of is not None):
            raise InvalidInput("an AGENT names a human in onBehalfOf, and a HUMAN nobody", field="onBehalfOf")
        if command.on_behalf_of is not None:
            human = await uow.rows.get(IdentityRow, command.on_behalf_of)
            if human is None or human.kind != IdentityKind.HUMAN:
                raise absent("human", public_id("Identity", command.on_behalf_of), field="onBehalfOf")
        row = IdentityRow(
            tenant_id=uow.tenant_id,
            name=command.name,
            kind=command.kind.value,
            email=command.email,
            on_behalf_of=command.on_behalf_of,
        )
        await uow.rows.add(row)
        event = IdentityCreated(name=row.name, kind=row.kind, on_behalf_of=row.on_behalf_of)
        record(uow, event, subject_id=row.id)
        return row

    async def issue(self, uow: UnitOfWork, actor: Actor, command: IssueToken) -> tuple[TokenRow, str]:
        """The token's row and the token itself, which is told this once; never wider than the issuer's own."""
        actor.require(command.needs)
        identity = await uow.rows.get(IdentityRow, command.identity_id)
        if identity is None:
            raise absent("identity", public_id("Identity", command.identity_id), field="identityId")
        self._check_grant(actor, command)
        for project_id in command.project_ids or ():
            if await uow.rows.get(ProjectRow, project_id) is None:
                raise absent("project", public_id("Project", project_id), field="projectIds")
        return self.grant(uow, identity, command, within=actor.project_ids)

    def grant(
        self, uow: UnitOfWork, identity: IdentityRow, command: IssueToken, *, within: tuple[UUID, ...] | None = None
    ) -> tuple[TokenRow, str]:
        """Makes the token without asking who wants it; for the first token of a tenant."""
        projects = command.project_ids if command.project_ids is not None else within
        row = TokenRow(
            tenant_id=identity.tenant_id,
            identity_id=identity.id,
            name=words(command.name, "name", most=100, least=1),
            scopes=[scope.value for scope in command.scopes],
            project_ids=None if projects is None else [project.hex for project in projects],
            expires_at=now() + command.lifetime,
        )
        uow.rows.put(row)
        record(
            uow,
            TokenIssued(identity_id=identity.id, scopes=tuple(row.scopes)),
            subject_id=row.id,
            tenant_id=identity.tenant_id,
        )
        return row, self.token_of(row)

    def token_of(self, row: TokenRow) -> str:
        """The token of a row, as it was told when the row was made."""
        return self._issuer.issue(
            tenant_id=row.tenant_id, identity_id=row.identity_id, token_id=row.id, expires_at=row.expires_at
        )

    def _check_grant(self, actor: Actor, command: IssueToken) -> None:
        check_terms(command)
        for scope in command.scopes:
            actor.require(scope)

    async def revoke(self, uow: UnitOfWork, actor: Actor, command: RevokeToken) -> TokenRow:
        """The revoked token; revoking it again changes nothing."""
        actor.require(command.needs)
        row = await uow.rows.get(TokenRow, command.token_id)
        if row is None:
            raise absent("token", public_id("Token", command.token_id), field="tokenId")
        if row.revoked_at is None:
            row.revoked_at = now()
            record(uow, TokenRevoked(identity_id=row.identity_id), subject_id=row.id)
        return row

    def claims(self, token: str) -> Claims:
        """What the token says; InvalidToken when it is not ours or not alive."""
        return self._issuer.verify(token)

    async def actor(self, uow: UnitOfWork, claims: Claims) -> Actor:
        """The caller behind a verified token; InvalidToken when it was revoked."""
        token = await uow.rows.get(TokenRow, claims.token_id)
        identity = await uow.rows.get(IdentityRow, claims.identity_id)
        if token is None or identity is None or token.revoked_at is not None or token.expires_at <= now():
            raise InvalidToken("the token was revoked or never issued here: issue a new one")
        projects = token.project_ids
        return Actor(
            identity_id=identity.id,
            tenant_id=claims.tenant_id,
            token_id=token.id,
            name=identity.name,
            email=identity.email,
            on_behalf_of=identity.on_behalf_of,
            scopes=frozenset(token.scopes),
            project_ids=None if projects is None else tuple(UUID(hex=project) for project in projects),
            expires_at=claims.expires_at,
        )


def acting(identity: IdentityRow, scope: Scope) -> Actor:
    """What a worker does in the name of who caused it: with this scope alone, in the whole tenant, without a token."""
    return Actor(
        identity_id=identity.id,
        tenant_id=identity.tenant_id,
        token_id=identity.id,
        name=identity.name,
        email=identity.email,
        on_behalf_of=identity.on_behalf_of,
        scopes=frozenset({scope.value}),
        project_ids=None,
        expires_at=math.inf,
    )


def check_terms(command: IssueToken) -> None:
    """What holds whoever asks."""
    if not command.scopes:
        raise InvalidInput("a token needs at least one scope", field="scopes")
    if not timedelta(minutes=1) <= command.lifetime <= LONGEST:
        raise InvalidInput("a token lives from one minute to 366 days", field="lifetimeSeconds")
