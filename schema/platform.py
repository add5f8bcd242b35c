"""Types of the platform context."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry
from strawberry.types import Info

from schema.connections import Connection, asked, to_many
from schema.filters import Ordering
from schema.mapping import Listing, Node, column, id_column, id_of, to_one
from schema.scalars import Sha256Digest
from services.platform.environments import Driver, EnvironmentStatus, Promotion
from services.platform.identities import IdentityKind
from services.platform.modules import Language, ModuleKind
from storage.queries.conditions import Compare, Condition

if TYPE_CHECKING:
    from schema.build_results import BuildResult, TestCase
    from schema.packages import PackagePublication
    from schema.pipelines import PipelineDefinition
    from schema.source_control import Commit, Repository

LazyArtifact = Annotated["Artifact", strawberry.lazy("schema.platform")]
LazyCommit = Annotated["Commit", strawberry.lazy("schema.source_control")]
LazyRepository = Annotated["Repository", strawberry.lazy("schema.source_control")]
LazyPackage = Annotated["PackagePublication", strawberry.lazy("schema.packages")]
LazyBuildResult = Annotated["BuildResult", strawberry.lazy("schema.build_results")]
LazyTestCase = Annotated["TestCase", strawberry.lazy("schema.build_results")]
LazyPipeline = Annotated["PipelineDefinition", strawberry.lazy("schema.pipelines")]

strawberry.enum(Driver, description="What runs an environment's modules.")
strawberry.enum(EnvironmentStatus, description="DECLARED until its repository stands.")
strawberry.enum(Promotion, description="Whether releases move in by themselves, or when somebody says so.")
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

    listing: ClassVar = Listing(filter=("name", "kind", "language"), contains=("name",), order=("name",))

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
    artifacts: Connection[LazyArtifact] = to_many(
        "Artifact", "module_id", Connection[LazyArtifact], "What was registered for it."
    )
    repositories: Connection[LazyRepository] = to_many(
        "Repository", "module_id", Connection[LazyRepository], "The repositories that hold it."
    )
    pipelines: Connection[LazyPipeline] = to_many(
        "PipelineDefinition", "module_id", Connection[LazyPipeline], "The pipelines that build it, one a repository."
    )
    packages: Connection[LazyPackage] = to_many(
        "PackagePublication", "module_id", Connection[LazyPackage], "The versions of its package."
    )
    build_results: Connection[LazyBuildResult] = to_many(
        "BuildResult", "module_id", Connection[LazyBuildResult], "What its runs came to."
    )
    test_cases: Connection[LazyTestCase] = to_many(
        "TestCase", "module_id", Connection[LazyTestCase], "Its tests over all runs; flaky ones by filter."
    )


@strawberry.type(description="What a generator produced; the start of a trace.")
class Artifact(Node):
    """Every commit made from it names it."""

    listing: ClassVar = Listing(filter=("name", "producer", "module", "trace_id", "digest"), contains=("name",))

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
    commits: Connection[LazyCommit] = to_many(
        "Commit", "artifact_id", Connection[LazyCommit], "The commits that were made from it."
    )


@strawberry.type(description="One variable of a configuration.")
class ConfigurationEntry:
    """Either a value or the name of a secret."""

    name: str = strawberry.field(description="As the process sees it.")
    value: str | None = strawberry.field(description="Its value, unless a secret holds it.")
    secret_ref: str | None = strawberry.field(description="The name of the secret that holds its value.")


@strawberry.type(description="One version of a module's values in an environment.")
class Configuration(Node):
    """Never changed, only succeeded by the next number."""

    listing: ClassVar = Listing(filter=("module", "environment", "number"))

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    environment: Annotated["Environment", strawberry.lazy("schema.platform")] | None = to_one(
        "environment_id", "Environment", "The environment."
    )
    module: Module | None = to_one("module_id", "Module", "The module.")
    number: int = column("number", "Dense for the module in the environment, from 1.")
    created_at: datetime = column("created_at", "When it was set.")

    @strawberry.field(description="The variables by name.")
    def entries(self) -> list[ConfigurationEntry]:
        """As they were set."""
        stored: dict[str, dict[str, str]] = self.row.entries
        return [
            ConfigurationEntry(name=name, value=entry.get("value"), secret_ref=entry.get("secretRef"))
            for name, entry in stored.items()
        ]


@strawberry.type(description="A place where modules run, with a repository of its own for the desired state.")
class Environment(Node):
    """Releases move through a project's environments in their order."""

    listing: ClassVar = Listing(
        filter=("name", "driver", "promotion", "status"), contains=("name",), order=("order",), default="order"
    )

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    project: Annotated["Project", strawberry.lazy("schema.platform")] | None = to_one(
        "project_id", "Project", "Its project."
    )
    name: str = column("name", "Unique in the project.")
    order: int = column("position", "Its place in the project's train, from 1.")
    driver: Driver = column("driver", "What runs its modules.")
    repository: Annotated["Repository", strawberry.lazy("schema.source_control")] | None = to_one(
        "repository_id", "Repository", "Where its desired state stands."
    )
    promotion: Promotion = column("promotion", "Whether releases move in by themselves.")
    requires_approval: bool = column("requires_approval", "Whether a release needs an approval to move in.")
    self_heal: bool = column("self_heal", "Whether drift is corrected.")
    auto_rollback: bool = column("auto_rollback", "Whether a release that does not get healthy is taken back.")
    allow_direct_push: bool = column("allow_direct_push", "Whether its repository takes pushes without a review.")
    drift_interval_ms: int = column("drift_interval_ms", "How often it is compared with what is desired.")
    status: EnvironmentStatus = column("status", "Where it is in its life.")
    created_at: datetime = column("created_at", "When it was declared.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    configurations: Connection[Configuration] = to_many(
        "Configuration", "environment_id", Connection[Configuration], "Every version of its modules' values."
    )

    @strawberry.field(description="A module's newest values here; null when there were never any.")
    async def configuration(self, info: Info[Any, Any], module: strawberry.ID) -> Configuration | None:
        """The highest number."""
        of = Condition("module_id", Compare.IS, id_of(module, "Module", "module"))
        newest = asked((of,), Ordering(column="number", descending=True, holds=int), 1)
        page = await info.context.loaders.many("Configuration", "environment_id", self.row.id, newest)
        return next(iter(page.nodes()), None)


@strawberry.type(description="What a tenant's work is divided into.")
class Project(Node):
    """Modules, environments and repositories belong to one."""

    listing: ClassVar = Listing(filter=("name",), contains=("name", "display_name"), order=("name",))

    name: str = column("name", "Unique in the tenant.")
    display_name: str = column("display_name", "For people.")
    description: str = column("description", "What it is about.")
    created_at: datetime = column("created_at", "When it was made.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    modules: Connection[Module] = to_many("Module", "project_id", Connection[Module], "Its modules.")
    environments: Connection[Environment] = to_many(
        "Environment", "project_id", Connection[Environment], "Its environments in their order."
    )
    artifacts: Connection[Artifact] = to_many("Artifact", "project_id", Connection[Artifact], "What was registered.")
    repositories: Connection[LazyRepository] = to_many(
        "Repository", "project_id", Connection[LazyRepository], "Its repositories."
    )
    packages: Connection[LazyPackage] = to_many(
        "PackagePublication", "project_id", Connection[LazyPackage], "The versions of packages in its feed."
    )


@strawberry.type(description="Who acts: a human, or an agent with the human who answers for it.")
class Identity(Node):
    """Tokens are issued to identities."""

    listing: ClassVar = Listing(filter=("name", "kind", "on_behalf_of"), contains=("name", "email"), order=("name",))

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

    listing: ClassVar = Listing(
        filter=("identity", "expires_at", "revoked_at"), contains=("name",), order=("expires_at", "revoked_at")
    )

    identity: Identity | None = to_one("identity_id", "Identity", "Whose it is.")
    name: str = column("name", "What it is for.")
    scopes: list[str] = column("scopes", "What it may do.")
    expires_at: datetime = column("expires_at", "When it ends by itself.")
    revoked_at: datetime | None = column("revoked_at", "When it was ended.")
