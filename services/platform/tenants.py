"""TenantService: the operator tenant of an installation, and the tenants it makes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.events.event import record
from services.events.platform import IdentityCreated, TenantCreated, TenantProvisioned
from services.names import slug, words
from services.platform.identities import IdentityKind, IdentityService, IssueToken
from storage.ids import new_id
from storage.tables.platform import IdentityRow, TenantRow
from storage.unit_of_work import UnitOfWork

OPERATOR: Final = "operator"
OPERATOR_ADMIN: Final = "admin"


@dataclass(frozen=True, kw_only=True)
class CreateTenant:
    """Makes a tenant with one admin identity; its name is unique in the installation."""

    needs: ClassVar = Needs(scope=Scope.ADMIN, whole_tenant=True, operator=True)
    name: str
    display_name: str
    admin_name: str
    admin_email: str


class TenantService:
    """Owns tenants."""

    def __init__(self, identities: IdentityService) -> None:
        self._identities = identities

    async def create(
        self, uow: UnitOfWork, actor: Actor, command: CreateTenant, *, tenant_id: UUID
    ) -> tuple[TenantRow, str]:
        """The tenant and its admin's one-time token; the unit of work must reach ``tenant_id`` too."""
        own = await uow.rows.get(TenantRow, actor.tenant_id)
        actor.require(command.needs, is_operator=own is not None and own.is_operator)
        row, token = self.found(uow, command, tenant_id=tenant_id)
        record(uow, TenantProvisioned(name=row.name), subject_id=row.id)
        return row, token

    def found(
        self, uow: UnitOfWork, command: CreateTenant, *, tenant_id: UUID, is_operator: bool = False
    ) -> tuple[TenantRow, str]:
        """The rows of a new tenant, TenantCreated first in its stream."""
        row = TenantRow(
            tenant_id=tenant_id,
            id=tenant_id,
            name=slug(command.name, "name"),
            display_name=words(command.display_name, "displayName", most=200),
            is_operator=is_operator,
        )
        admin = IdentityRow(
            tenant_id=tenant_id,
            id=new_id(),
            name=slug(command.admin_name, "adminName"),
            kind=IdentityKind.HUMAN.value,
            email=words(command.admin_email, "adminEmail", most=254, least=3),
        )
        uow.rows.put(row)
        uow.rows.put(admin)
        record(uow, TenantCreated(name=row.name), subject_id=row.id, tenant_id=tenant_id)
        event = IdentityCreated(name=admin.name, kind=admin.kind)
        record(uow, event, subject_id=admin.id, tenant_id=tenant_id)
        grant = IssueToken(identity_id=admin.id, name="first", scopes=(Scope.ADMIN,), lifetime=timedelta(days=366))
        _, token = self._identities.grant(uow, admin, grant)
        return row, token
