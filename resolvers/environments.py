"""Queries and mutations of environments and their configuration."""

import strawberry

from resolvers.commands import mutation
from resolvers.context import Info
from resolvers.execution import carry_out
from schema.connections import Connection, every
from schema.environment_commands import (
    ArchiveEnvironmentInput,
    DeclareEnvironmentInput,
    EnvironmentPayload,
    SetConfigurationInput,
    SetConfigurationPayload,
    UpdateEnvironmentInput,
)
from schema.platform import Environment
from services.platform.configuration import SetConfiguration
from services.platform.environments import ArchiveEnvironment, DeclareEnvironment, UpdateEnvironment


@strawberry.type
class EnvironmentQuery:
    """Environments."""

    @strawberry.field(description="An environment by its project's and its own name.")
    async def environment(self, info: Info, project: str, name: str) -> Environment | None:
        """Natural key."""
        parent = await info.context.loaders.find("Project", name=project)
        if parent is None:
            return None
        found: Environment | None = await info.context.loaders.find("Environment", project_id=parent.row.id, name=name)
        return found

    environments: Connection[Environment] = every(
        "Environment", Connection[Environment], "The environments in your sight, in the order of their projects."
    )


@strawberry.type
class EnvironmentMutation:
    """Commands on environments."""

    @mutation(DeclareEnvironment, "Declare an environment; its repository is made with it.")
    async def declare_environment(self, info: Info, input: DeclareEnvironmentInput) -> EnvironmentPayload:
        """One service call; a worker makes the repository."""
        context, service = info.context, info.context.services.environments
        done = await carry_out(context, input, lambda uow, command: service.declare(uow, context.actor, command))
        return EnvironmentPayload(environment=done.node, events=done.events, errors=done.errors)

    @mutation(UpdateEnvironment, "Change an environment's settings.")
    async def update_environment(self, info: Info, input: UpdateEnvironmentInput) -> EnvironmentPayload:
        """One service call."""
        context, service = info.context, info.context.services.environments
        done = await carry_out(context, input, lambda uow, command: service.update(uow, context.actor, command))
        return EnvironmentPayload(environment=done.node, events=done.events, errors=done.errors)

    @mutation(ArchiveEnvironment, "End an environment.")
    async def archive_environment(self, info: Info, input: ArchiveEnvironmentInput) -> EnvironmentPayload:
        """One service call."""
        context, service = info.context, info.context.services.environments
        done = await carry_out(context, input, lambda uow, command: service.archive(uow, context.actor, command))
        return EnvironmentPayload(environment=done.node, events=done.events, errors=done.errors)

    @mutation(SetConfiguration, "Replace a module's values in an environment.")
    async def set_configuration(self, info: Info, input: SetConfigurationInput) -> SetConfigurationPayload:
        """One service call."""
        context, service = info.context, info.context.services.configuration
        done = await carry_out(context, input, lambda uow, command: service.set(uow, context.actor, command))
        return SetConfigurationPayload(configuration=done.node, events=done.events, errors=done.errors)
