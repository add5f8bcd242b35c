"""Who asks, and what their token may do."""

from typing import Annotated

import strawberry

from resolvers.commands import needs_of
from resolvers.context import Info
from resolvers.nodes import node_of
from schema.limits import Limits
from schema.platform import Identity, Project, Tenant
from services.errors import InvalidInput, absent

MUTATION = "The name of a mutation, such as mergePullRequest."
TARGET = "The id of what it would change."


@strawberry.type(description="Whether a token may do something; its target's state may still refuse it.")
class Permission:
    """By the declaration that the mutation itself requires."""

    allowed: bool = strawberry.field(description="Whether the token's scopes and projects allow it.")
    reason: str | None = strawberry.field(description="Why not, and what would make it pass; null when it is allowed.")


@strawberry.type(description="Who you are here.")
class Viewer:
    """The token's identity, tenant and grants."""

    identity: Identity | None = strawberry.field(description="Who you are.")
    tenant: Tenant | None = strawberry.field(description="The tenant your token names.")
    scopes: list[str] = strawberry.field(description="What your token may do.")
    limits: Limits = strawberry.field(description="What a request of yours may be at most.")

    @strawberry.field(description="The projects that your token is limited to; null when it reaches every one.")
    async def projects(self, info: Info) -> list[Project] | None:
        """In the order that they were named in."""
        actor, loaders = info.context.actor, info.context.loaders
        if actor.project_ids is None:
            return None
        found = await loaders.ones("Project", actor.project_ids)
        return [project for project in found if project is not None]

    @strawberry.field(description="Whether your token may carry out a mutation, on a target when one is named.")
    async def can(
        self,
        info: Info,
        mutation: Annotated[str, strawberry.argument(description=MUTATION)],
        target: Annotated[strawberry.ID | None, strawberry.argument(description=TARGET)] = None,
    ) -> Permission:
        """Scopes and sight only: blockers and statuses are the target's own to tell."""
        needs = needs_of(info.schema.mutation, mutation)
        if needs is None:
            raise InvalidInput(f"{mutation[:80]!r} is not a mutation", field="mutation")
        lack = info.context.actor.lacks(needs, is_operator=self.tenant is not None and self.tenant.row.is_operator)
        if lack is not None:
            return Permission(allowed=False, reason=f"{lack.message}: {lack.help}")
        if target is not None and await node_of(info, target, "target") is None:
            return Permission(allowed=False, reason=absent("target", target).message)
        return Permission(allowed=True, reason=None)


@strawberry.type
class ViewerQuery:
    """The caller."""

    @strawberry.field(description="Who you are and what your token may do.")
    async def viewer(self, info: Info) -> Viewer:
        """From the token."""
        actor, loaders = info.context.actor, info.context.loaders
        identity = await loaders.one("Identity", actor.identity_id)
        tenant = await loaders.one("Tenant", actor.tenant_id)
        limits = info.context.limits
        return Viewer(identity=identity, tenant=tenant, scopes=sorted(actor.scopes), limits=limits)
