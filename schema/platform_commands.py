"""Inputs and payloads of the platform context."""

from datetime import timedelta

import strawberry

from schema.commands import Command, Payload, given
from schema.mapping import id_of
from schema.platform import Artifact, Identity, Module, Project, Tenant, Token
from schema.scalars import Sha256Digest
from services.actor import Scope
from services.platform import artifacts, identities, modules, projects, tenants

strawberry.enum(Scope, name="TokenScope", description="What a token may do.")


@strawberry.input(description="Make a tenant with one admin identity.")
class CreateTenantInput(Command):
    """Only the operator tenant may."""

    name: str
    display_name: str = ""
    admin_name: str = "admin"
    admin_email: str

    def to_command(self) -> tenants.CreateTenant:
        """Frozen."""
        return tenants.CreateTenant(
            name=self.name, display_name=self.display_name, admin_name=self.admin_name, admin_email=self.admin_email
        )


@strawberry.type(description="The tenant and its admin's token.")
class CreateTenantPayload(Payload):
    """The token is told this once."""

    tenant: Tenant | None = strawberry.field(default=None, description="The new tenant.")
    token: str | None = strawberry.field(default=None, description="Its admin's token; told once, never on a repeat.")


@strawberry.input(description="Make a project.")
class CreateProjectInput(Command):
    """Its name is unique in the tenant."""

    name: str
    display_name: str = ""
    description: str = ""

    def to_command(self) -> projects.CreateProject:
        """Frozen."""
        return projects.CreateProject(name=self.name, display_name=self.display_name, description=self.description)


@strawberry.type(description="The project.")
class CreateProjectPayload(Payload):
    """Null when refused."""

    project: Project | None = strawberry.field(default=None, description="The new project.")


@strawberry.input(description="Register a module's metadata.")
class RegisterModuleInput(Command):
    """A SERVICE needs a port."""

    project_id: strawberry.ID
    name: str
    kind: modules.ModuleKind
    language: modules.Language
    base_version: str
    package_name: str | None = None
    image_name: str | None = None
    port: int | None = None
    health_path: str | None = None

    def to_command(self) -> modules.RegisterModule:
        """Frozen."""
        return modules.RegisterModule(
            project_id=id_of(self.project_id, "Project", "projectId"),
            name=self.name,
            kind=self.kind,
            language=self.language,
            base_version=self.base_version,
            package_name=self.package_name,
            image_name=self.image_name,
            port=self.port,
            health_path=self.health_path,
        )


@strawberry.input(description="Change a module's metadata; what is absent stays, null clears.")
class UpdateModuleInput(Command):
    """Its kind, language and baseVersion cannot be null, nor a SERVICE's port."""

    module_id: strawberry.ID
    kind: modules.ModuleKind | None = strawberry.UNSET
    language: modules.Language | None = strawberry.UNSET
    base_version: str | None = strawberry.UNSET
    package_name: str | None = strawberry.UNSET
    image_name: str | None = strawberry.UNSET
    port: int | None = strawberry.UNSET
    health_path: str | None = strawberry.UNSET

    def to_command(self) -> modules.UpdateModule:
        """Frozen."""
        return modules.UpdateModule(
            module_id=id_of(self.module_id, "Module", "moduleId"),
            kind=given(self.kind),
            language=given(self.language),
            base_version=given(self.base_version),
            package_name=given(self.package_name),
            image_name=given(self.image_name),
            port=given(self.port),
            health_path=given(self.health_path),
        )


@strawberry.type(description="The module.")
class ModulePayload(Payload):
    """Null when refused."""

    module: Module | None = strawberry.field(default=None, description="The module as it is now.")


@strawberry.input(description="Make an identity.")
class CreateIdentityInput(Command):
    """An AGENT names the HUMAN who answers for it."""

    name: str
    kind: identities.IdentityKind
    email: str
    on_behalf_of: strawberry.ID | None = None

    def to_command(self) -> identities.CreateIdentity:
        """Frozen."""
        human = self.on_behalf_of
        return identities.CreateIdentity(
            name=self.name,
            kind=self.kind,
            email=self.email,
            on_behalf_of=None if human is None else id_of(human, "Identity", "onBehalfOf"),
        )


@strawberry.type(description="The identity.")
class CreateIdentityPayload(Payload):
    """Null when refused."""

    identity: Identity | None = strawberry.field(default=None, description="The new identity.")


@strawberry.input(description="Issue a token, never wider than your own.")
class IssueTokenInput(Command):
    """Without projectIds it reaches every project that yours does."""

    identity_id: strawberry.ID
    name: str
    scopes: list[Scope]
    project_ids: list[strawberry.ID] | None = None
    lifetime_seconds: int = 2_592_000

    def to_command(self) -> identities.IssueToken:
        """Frozen."""
        limited = self.project_ids
        return identities.IssueToken(
            identity_id=id_of(self.identity_id, "Identity", "identityId"),
            name=self.name,
            scopes=tuple(self.scopes),
            project_ids=None if limited is None else tuple(id_of(item, "Project", "projectIds") for item in limited),
            lifetime=timedelta(seconds=self.lifetime_seconds),
        )


@strawberry.type(description="The token.")
class IssueTokenPayload(Payload):
    """The secret is told this once."""

    token: Token | None = strawberry.field(default=None, description="The token's row.")
    secret: str | None = strawberry.field(default=None, description="The token itself; told once, never on a repeat.")


@strawberry.input(description="End a token.")
class RevokeTokenInput(Command):
    """Ending it again changes nothing."""

    token_id: strawberry.ID

    def to_command(self) -> identities.RevokeToken:
        """Frozen."""
        return identities.RevokeToken(token_id=id_of(self.token_id, "Token", "tokenId"))


@strawberry.type(description="The token.")
class RevokeTokenPayload(Payload):
    """Null when refused."""

    token: Token | None = strawberry.field(default=None, description="The ended token.")


@strawberry.input(description="Register what a generator produced.")
class RegisterArtifactInput(Command):
    """Starts a trace, or joins traceId."""

    project_id: strawberry.ID
    producer: str
    name: str
    uri: str | None = None
    digest: Sha256Digest | None = None
    module_id: strawberry.ID | None = None

    def to_command(self) -> artifacts.RegisterArtifact:
        """Frozen."""
        module = self.module_id
        return artifacts.RegisterArtifact(
            project_id=id_of(self.project_id, "Project", "projectId"),
            producer=self.producer,
            name=self.name,
            uri=self.uri,
            digest=self.digest,
            module_id=None if module is None else id_of(module, "Module", "moduleId"),
        )


@strawberry.type(description="The artifact.")
class RegisterArtifactPayload(Payload):
    """Null when refused."""

    artifact: Artifact | None = strawberry.field(default=None, description="The artifact.")
