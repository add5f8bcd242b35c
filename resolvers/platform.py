"""Queries and mutations of the platform context."""

from typing import Annotated

import strawberry

from resolvers.commands import mutation
from resolvers.context import Info
from resolvers.execution import carry_out
from resolvers.reading import scoped
from schema.connections import Connection, every
from schema.platform import Artifact, Identity, Module, Project, Token
from schema.platform_commands import (
    CreateIdentityInput,
    CreateIdentityPayload,
    CreateProjectInput,
    CreateProjectPayload,
    CreateTenantInput,
    CreateTenantPayload,
    IssueTokenInput,
    IssueTokenPayload,
    ModulePayload,
    RegisterArtifactInput,
    RegisterArtifactPayload,
    RegisterModuleInput,
    RevokeTokenInput,
    RevokeTokenPayload,
    UpdateModuleInput,
)
from schema.scalars import Sha256Digest
from services.actor import Scope
from services.errors import InvalidInput
from services.platform.artifacts import RegisterArtifact
from services.platform.identities import CreateIdentity, IssueToken, RevokeToken
from services.platform.modules import RegisterModule, UpdateModule
from services.platform.projects import CreateProject
from services.platform.tenants import CreateTenant
from storage.ids import new_id


@strawberry.type
class PlatformQuery:
    """Reference data."""

    @strawberry.field(description="A project by its name.")
    async def project(self, info: Info, name: str) -> Project | None:
        """Natural key."""
        found: Project | None = await info.context.loaders.find("Project", name=name)
        return found

    @strawberry.field(description="A module by its project's and its own name.")
    async def module(self, info: Info, project: str, name: str) -> Module | None:
        """Natural key."""
        parent = await info.context.loaders.find("Project", name=project)
        if parent is None:
            return None
        found: Module | None = await info.context.loaders.find("Module", project_id=parent.row.id, name=name)
        return found

    @strawberry.field(description="An identity by its name.")
    async def identity(self, info: Info, name: str) -> Identity | None:
        """Natural key."""
        found: Identity | None = await info.context.loaders.find("Identity", name=name)
        return found

    @strawberry.field(description="The newest artifact of a project with this name and digest, or with this purl.")
    async def artifact(
        self,
        info: Info,
        project: str,
        name: str | None = None,
        digest: Sha256Digest | None = None,
        purl: Annotated[str | None, strawberry.argument(description="Its uri, without name and digest.")] = None,
    ) -> Artifact | None:
        """The same content may be registered again: each is the start of a trace."""
        keys = {"name": name, "digest": digest} if purl is None else {"uri": purl}
        if None in keys.values() or (purl is not None and (name, digest) != (None, None)):
            raise InvalidInput("an artifact is named by name and digest together, or by purl alone", field="purl")
        parent = await info.context.loaders.find("Project", name=project)
        if parent is None:
            return None
        found: Artifact | None = await info.context.loaders.newest("Artifact", project_id=parent.row.id, **keys)
        return found

    projects: Connection[Project] = every("Project", Connection[Project], "The projects in your sight.")
    modules: Connection[Module] = every("Module", Connection[Module], "The modules in your sight.")
    artifacts: Connection[Artifact] = every("Artifact", Connection[Artifact], "The artifacts in your sight.")
    identities: Connection[Identity] = every("Identity", Connection[Identity], "The tenant's identities.")
    tokens: Connection[Token] = every(
        "Token",
        Connection[Token],
        scoped(Scope.IDENTITIES_WRITE, "The tenant's tokens, without their secrets."),
        needs=Scope.IDENTITIES_WRITE,
    )


@strawberry.type
class PlatformMutation:
    """Commands on reference data."""

    @mutation(CreateTenant, "Make a tenant, from the operator tenant only.")
    async def create_tenant(self, info: Info, input: CreateTenantInput) -> CreateTenantPayload:
        """The only command that crosses tenants."""
        tenant_id, context = new_id(), info.context
        service = context.services.tenants
        done = await carry_out(
            context,
            input,
            lambda uow, command: service.create(uow, context.actor, command, tenant_id=tenant_id),
            access=context.also(tenant_id),
        )
        return CreateTenantPayload(tenant=done.node, token=done.secret, events=done.events, errors=done.errors)

    @mutation(CreateProject, "Make a project.")
    async def create_project(self, info: Info, input: CreateProjectInput) -> CreateProjectPayload:
        """One service call."""
        context = info.context
        create = context.services.projects.create
        done = await carry_out(context, input, lambda uow, command: create(uow, context.actor, command))
        return CreateProjectPayload(project=done.node, events=done.events, errors=done.errors)

    @mutation(RegisterModule, "Register a module's metadata.")
    async def register_module(self, info: Info, input: RegisterModuleInput) -> ModulePayload:
        """One service call."""
        context = info.context
        register = context.services.modules.register
        done = await carry_out(context, input, lambda uow, command: register(uow, context.actor, command))
        return ModulePayload(module=done.node, events=done.events, errors=done.errors)

    @mutation(UpdateModule, "Change a module's metadata.")
    async def update_module(self, info: Info, input: UpdateModuleInput) -> ModulePayload:
        """One service call."""
        context = info.context
        update = context.services.modules.update
        done = await carry_out(context, input, lambda uow, command: update(uow, context.actor, command))
        return ModulePayload(module=done.node, events=done.events, errors=done.errors)

    @mutation(CreateIdentity, "Make an identity.")
    async def create_identity(self, info: Info, input: CreateIdentityInput) -> CreateIdentityPayload:
        """One service call."""
        context = info.context
        create = context.services.identities.create
        done = await carry_out(context, input, lambda uow, command: create(uow, context.actor, command))
        return CreateIdentityPayload(identity=done.node, events=done.events, errors=done.errors)

    @mutation(IssueToken, "Issue a token, never wider than your own.")
    async def issue_token(self, info: Info, input: IssueTokenInput) -> IssueTokenPayload:
        """One service call."""
        context = info.context
        issue = context.services.identities.issue
        done = await carry_out(context, input, lambda uow, command: issue(uow, context.actor, command))
        return IssueTokenPayload(token=done.node, secret=done.secret, events=done.events, errors=done.errors)

    @mutation(RevokeToken, "End a token.")
    async def revoke_token(self, info: Info, input: RevokeTokenInput) -> RevokeTokenPayload:
        """One service call."""
        context = info.context
        revoke = context.services.identities.revoke
        done = await carry_out(context, input, lambda uow, command: revoke(uow, context.actor, command))
        return RevokeTokenPayload(token=done.node, events=done.events, errors=done.errors)

    @mutation(RegisterArtifact, "Register what a generator produced.")
    async def register_artifact(self, info: Info, input: RegisterArtifactInput) -> RegisterArtifactPayload:
        """One service call."""
        context = info.context
        register = context.services.artifacts.register
        done = await carry_out(context, input, lambda uow, command: register(uow, context.actor, command))
        return RegisterArtifactPayload(artifact=done.node, events=done.events, errors=done.errors)
