"""The schema's roots: one small class per context."""

import strawberry
from strawberry.tools import merge_types

from resolvers.context import Info
from resolvers.dead_letters import DeadLetterMutation, DeadLetterQuery
from resolvers.environments import EnvironmentMutation, EnvironmentQuery
from resolvers.lineage import LineageQuery
from resolvers.platform import PlatformMutation, PlatformQuery
from resolvers.pull_requests import PullRequestMutation, PullRequestQuery
from resolvers.source_control import SourceControlMutation, SourceControlQuery
from schema.limits import Limits
from schema.mapping import Node
from schema.platform import Identity, Tenant
from schema.types import TYPES
from services.errors import InvalidInput
from storage.ids import parse_id


@strawberry.type(description="Who you are here.")
class Viewer:
    """The token's identity, tenant and scopes."""

    identity: Identity | None = strawberry.field(description="Who you are.")
    tenant: Tenant | None = strawberry.field(description="The tenant your token names.")
    scopes: list[str] = strawberry.field(description="What your token may do.")
    limits: Limits = strawberry.field(description="What a request of yours may be at most.")


@strawberry.type
class NodeQuery:
    """Anything by its id."""

    @strawberry.field(description="Any node by its id; null when it is absent or out of your sight.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        """Malformed ids are an error; foreign and absent ones look the same."""
        try:
            target, row_id = parse_id(id)
        except ValueError as error:
            raise InvalidInput(str(error), field="id") from error
        found: Node | None = await info.context.loaders.one(target, row_id) if target in TYPES else None
        return found

    @strawberry.field(description="Who you are and what your token may do.")
    async def viewer(self, info: Info) -> Viewer:
        """From the token."""
        actor, loaders = info.context.actor, info.context.loaders
        identity = await loaders.one("Identity", actor.identity_id)
        tenant = await loaders.one("Tenant", actor.tenant_id)
        limits = info.context.limits
        return Viewer(identity=identity, tenant=tenant, scopes=sorted(actor.scopes), limits=limits)


Query = merge_types(
    "Query",
    (
        NodeQuery,
        PlatformQuery,
        EnvironmentQuery,
        SourceControlQuery,
        PullRequestQuery,
        LineageQuery,
        DeadLetterQuery,
    ),
)
Mutation = merge_types(
    "Mutation",
    (PlatformMutation, EnvironmentMutation, SourceControlMutation, PullRequestMutation, DeadLetterMutation),
)
