"""Inputs and payloads of package feeds."""

import strawberry

from schema.commands import Command, Payload
from schema.mapping import id_of
from schema.packages import PackagePublication
from schema.scalars import Sha256Digest
from services.packaging import packages


@strawberry.input(description="Publish content that POST /uploads took, as a file of a package.")
class PublishPackageInput(Command):
    """The file's name says name and version; without moduleId it is of the module whose packageName it has."""

    project_id: strawberry.ID
    filename: str
    upload_digest: Sha256Digest
    module_id: strawberry.ID | None = None

    def to_command(self) -> packages.PublishPackage:
        """Frozen."""
        return packages.PublishPackage(
            project_id=id_of(self.project_id, "Project", "projectId"),
            filename=self.filename,
            upload_digest=self.upload_digest,
            module_id=None if self.module_id is None else id_of(self.module_id, "Module", "moduleId"),
        )


@strawberry.input(description="Have installers pass a version over, unless they are told to take exactly it.")
class UnlistPackageInput(Command):
    """Nothing of it is removed."""

    package_publication_id: strawberry.ID
    reason: str | None = strawberry.field(default=None, description="What installers tell; at most 500 characters.")

    def to_command(self) -> packages.UnlistPackage:
        """Frozen."""
        return packages.UnlistPackage(
            package_publication_id=id_of(self.package_publication_id, "PackagePublication", "packagePublicationId"),
            reason=self.reason,
        )


@strawberry.type(description="The version.")
class PackagePublicationPayload(Payload):
    """Null when refused."""

    package_publication: PackagePublication | None = strawberry.field(
        default=None, description="The version as it is now."
    )
