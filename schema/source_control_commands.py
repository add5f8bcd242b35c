"""Inputs and payloads of the source-control context."""

import strawberry

from schema.commands import Command, Payload
from schema.connections import id_of
from schema.source_control import Repository
from services.source_control import repositories


@strawberry.input(description="Ask for a module's repository.")
class ProvisionRepositoryInput(Command):
    """Watch its events: RepositoryProvisioned or RepositoryProvisioningFailed follows."""

    module_id: strawberry.ID
    name: str | None = None
    description: str = ""
    default_branch: str = "main"
    required_reviews: int = 1

    def to_command(self) -> repositories.ProvisionRepository:
        """Frozen."""
        return repositories.ProvisionRepository(
            module_id=id_of(self.module_id, "Module", "moduleId"),
            name=self.name,
            description=self.description,
            default_branch=self.default_branch,
            required_reviews=self.required_reviews,
        )


@strawberry.input(description="Make a repository read-only.")
class ArchiveRepositoryInput(Command):
    """Archiving it again changes nothing."""

    repository_id: strawberry.ID

    def to_command(self) -> repositories.ArchiveRepository:
        """Frozen."""
        return repositories.ArchiveRepository(repository_id=id_of(self.repository_id, "Repository", "repositoryId"))


@strawberry.type(description="The repository.")
class RepositoryPayload(Payload):
    """Null when refused."""

    repository: Repository | None = strawberry.field(default=None, description="The repository as it is now.")
