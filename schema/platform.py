"""Types of the platform context."""

from datetime import datetime
from typing import Annotated

import strawberry

from schema.connections import Connection, to_many
from schema.mapping import Node, column, id_column, to_one
from schema.scalars import Sha256Digest
from services.platform.identities import IdentityKind
from services.platform.modules import Language, ModuleKind

strawberry.enum(IdentityKind, description="An AGENT always acts on behalf of a HUMAN.")
strawberry.enum(ModuleKind, description="What a module becomes.")
strawberry.enum(Language, description="What a module is written in.")


@strawberry.type(description="A tenant: the wall that no request crosses.")
class Tenant(Node):
    """One customer of an installation."""

    name: str = column("name", "Unique in the installation.")
    display_name: str = column("display_name", "For people.")
    created_at: datetime = column("created_at", "When it was made.")


@strawberry.type(description="What a module is made of before it is a repository: metadata.")
class Module(Node):
    """The metadata of one thing that is built and shipped."""

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    project: Annotated["Project", strawberry.lazy("schema.platform")] | None = to_one(
        "project_id", "Project", "Its project."
    )
    name: str = column("name", "Unique in the project.")
    kind: ModuleKind = column("kind", "What it becomes.")
    language: Language = column("language", "What it is written in.")
    base_version: str = column("base_version", "major.minor that builds number on.")
    package_name: str | None = column("package_name", "Name of its package.")
    image_name: str | None = column("image_name", "Name of its image.")
    port: int | None = column("port", "Port a SERVICE listens on.")
    health_path: str | None = column("health_path", "Path that answers when it is healthy.")
    created_at: datetime = column("created_at", "When it was registered.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")


@strawberry.type(description="What a generator produced; the start of a trace.")
class Artifact(Node):
    """Every commit made from it names it."""

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    project: Annotated["Project", strawberry.lazy("schema.platform")] | None = to_one(
        "project_id", "Project", "Its project."
    )
    module: Module | None = to_one("module_id", "Module", "The module it is for.")
    producer: str = column("producer", "What made it.")
    name: str = column("name", "What it is called.")
    uri: str | None = column("uri", "Where it lies, or its purl.")
    digest: Sha256Digest | None = column("digest", "sha256 of its content.")
    trace_id: str = column("trace_id", "The trace it starts.")
    created_at: datetime = column("created_at", "When it was registered.")


@strawberry.type(description="What a tenant's work is divided into.")
class Project(Node):
    """Modules, environments and repositories belong to one."""

    name: str = column("name", "Unique in the tenant.")
    display_name: str = column("display_name", "For people.")
    description: str = column("description", "What it is about.")
    created_at: datetime = column("created_at", "When it was made.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    modules: Connection[Module] = to_many("Module", "project_id", Connection[Module], "Its modules.")
    artifacts: Connection[Artifact] = to_many("Artifact", "project_id", Connection[Artifact], "What was registered.")


@strawberry.type(description="Who acts: a human, or an agent with the human who answers for it.")
class Identity(Node):
    """Tokens are issued to identities."""

    name: str = column("name", "Unique in the tenant.")
    kind: IdentityKind = column("kind", "HUMAN or AGENT.")
    email: str = column("email", "What its commits carry.")
    on_behalf_of: Annotated["Identity", strawberry.lazy("schema.platform")] | None = to_one(
        "on_behalf_of", "Identity", "Who answers for an agent."
    )
    created_at: datetime = column("created_at", "When it was made.")


@strawberry.type(description="A token that was issued; the token itself is told once.")
class Token(Node):
    """What an identity may do until it expires or is revoked."""

    identity: Identity | None = to_one("identity_id", "Identity", "Whose it is.")
    name: str = column("name", "What it is for.")
    scopes: list[str] = column("scopes", "What it may do.")
    expires_at: datetime = column("expires_at", "When it ends by itself.")
    revoked_at: datetime | None = column("revoked_at", "When it was ended.")
