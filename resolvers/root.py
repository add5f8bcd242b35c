"""The schema's roots: one small class per context."""

from collections.abc import AsyncIterator
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.tools import merge_types

from resolvers.context import Info
from resolvers.environments import EnvironmentMutation, EnvironmentQuery
from resolvers.platform import PlatformMutation, PlatformQuery
from resolvers.pull_requests import PullRequestMutation, PullRequestQuery
from resolvers.source_control import SourceControlMutation, SourceControlQuery
from schema.connections import id_of
from schema.events import Event, event_of, sequence_of
from schema.limits import Limits
from schema.mapping import Node
from schema.platform import Identity, Tenant
from schema.types import TYPES
from services.errors import InvalidInput
from storage.event_log import EventFilter
from storage.ids import parse_id


@strawberry.type(description="Who you are here.")
class Viewer:
    """The token's identity, tenant and scopes."""

    identity: Identity | None = strawberry.field(description="Who you are.")
    tenant: Tenant | None = strawberry.field(description="The tenant your token names.")
    scopes: list[str] = strawberry.field(description="What your token may do.")
    limits: Limits = strawberry.field(description="What a request of yours may be at most.")


@strawberry.input(description="Which events you want; what is null is any.")
class EventFilterInput:
    """All must match."""

    types: list[str] | None = None
    project_id: strawberry.ID | None = None
    module_id: strawberry.ID | None = None
    subject_id: strawberry.ID | None = None
    trace_id: str | None = None


@strawberry.enum(description="Where a subscription without a cursor starts.")
class From(Enum):
    """The newest event, or the first."""

    NOW = "NOW"
    BEGINNING = "BEGINNING"


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


@strawberry.type(description="What changes, as it changes.")
class Subscription:
    """Live, from any cursor."""

    @strawberry.subscription(description="The tenant's events: replayed from the cursor, then live, without a gap.")
    async def events(
        self,
        info: Info,
        after: str | None = None,
        start: Annotated[From, strawberry.argument(name="from")] = From.NOW,
        filter: EventFilterInput | None = None,
    ) -> AsyncIterator[Event]:
        """In the order of their sequence."""
        context = info.context
        since = await _since(info, after, start)
        async for row in context.hub.follow(context.actor.access, _wanted(filter), after=since):
            yield event_of(row)


async def _since(info: Info, after: str | None, start: From) -> int:
    if after is not None:
        try:
            return sequence_of(after)
        except ValueError as error:
            raise InvalidInput(f"INVALID_CURSOR: {error}", field="after") from error
    return 0 if start is From.BEGINNING else await info.context.hub.head(info.context.actor.access)


def _wanted(filter: EventFilterInput | None) -> EventFilter:
    if filter is None:
        return EventFilter()
    subject = filter.subject_id
    project, module = filter.project_id, filter.module_id
    return EventFilter(
        types=None if filter.types is None else tuple(filter.types),
        project_id=None if project is None else id_of(project, "Project", "projectId"),
        module_id=None if module is None else id_of(module, "Module", "moduleId"),
        subject_id=None if subject is None else _any_id(subject),
        trace_id=filter.trace_id,
    )


def _any_id(value: str) -> UUID:
    try:
        return parse_id(value)[1]
    except ValueError as error:
        raise InvalidInput(str(error), field="subjectId") from error


Query = merge_types("Query", (NodeQuery, PlatformQuery, EnvironmentQuery, SourceControlQuery, PullRequestQuery))
Mutation = merge_types("Mutation", (PlatformMutation, EnvironmentMutation, SourceControlMutation, PullRequestMutation))
