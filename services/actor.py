"""Who asks: the identity of a verified token, its scopes and the projects it is limited to."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.errors import Forbidden
from storage.access import Access


class Scope(StrEnum):
    """What a token may do; each mutation names the one it needs."""

    REPOSITORIES_WRITE = "devops.repositories.write"
    MODULES_WRITE = "devops.modules.write"
    ENVIRONMENTS_WRITE = "devops.environments.write"
    PIPELINES_RUN = "devops.pipelines.run"
    PACKAGES_PUBLISH = "devops.packages.publish"
    IDENTITIES_WRITE = "devops.identities.write"
    READ = "devops.read"
    ADMIN = "devops.admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a command asks of a token: its service requires it, the SDL tells it, ``viewer.can`` answers by it."""

    scope: Scope
    whole_tenant: bool = False
    operator: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """A verified caller; ``on_behalf_of`` is the human who answers for an agent."""

    identity_id: UUID
    tenant_id: UUID
    token_id: UUID
    name: str
    email: str
    on_behalf_of: UUID | None
    scopes: frozenset[str]
    project_ids: tuple[UUID, ...] | None
    expires_at: float

    @property
    def access(self) -> Access:
        """What storage may show and change for this caller."""
        return Access(tenant_id=self.tenant_id, project_ids=self.project_ids)

    @property
    def grants(self) -> tuple[UUID, frozenset[str], frozenset[UUID] | None]:
        """Tenant, scopes and projects: callers with the same ones are given the same answers."""
        return self.tenant_id, self.scopes, None if self.project_ids is None else frozenset(self.project_ids)

    def allows(self, scope: Scope) -> bool:
        """Admin allows everything; every write scope includes reading."""
        return scope in self.scopes or Scope.ADMIN in self.scopes or (scope is Scope.READ and bool(self.scopes))

    def lacks(self, needs: Needs, *, is_operator: bool | None = None) -> Forbidden | None:
        """Why a command is refused to this token, or None; ``is_operator`` once the tenant is known."""
        scope = needs.scope
        if not self.allows(scope):
            return Forbidden(f"this needs the scope {scope.value}", help=f"issueToken with scopes: [{scope.name}]")
        if needs.whole_tenant and self.project_ids is not None:
            return Forbidden("this is refused to a token limited to projects", help="use a token of the whole tenant")
        if needs.operator and is_operator is False:
            return Forbidden("only the operator tenant may", help="use the token told at the first start")
        return None

    def require(self, needs: Scope | Needs, *, is_operator: bool | None = None) -> None:
        """Forbidden says what the token lacks."""
        lack = self.lacks(needs if isinstance(needs, Needs) else Needs(scope=needs), is_operator=is_operator)
        if lack is not None:
            raise lack

    def sees_project(self, project_id: UUID) -> bool:
        """Whether the token reaches the project."""
        return self.project_ids is None or project_id in self.project_ids
