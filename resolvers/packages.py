"""Queries and mutations of package feeds."""

import strawberry

from resolvers.commands import mutation
from resolvers.context import Info
from resolvers.execution import carry_out
from schema.connections import Connection, every
from schema.package_commands import PackagePublicationPayload, PublishPackageInput, UnlistPackageInput
from schema.packages import PackagePublication
from services.packaging.packages import PublishPackage, UnlistPackage


@strawberry.type
class PackageQuery:
    """What was published."""

    package_publications: Connection[PackagePublication] = every(
        "PackagePublication", Connection[PackagePublication], "The versions of packages in your sight."
    )


@strawberry.type
class PackageMutation:
    """Commands on packages."""

    @mutation(PublishPackage, "Publish an uploaded file of a package; a worker looks through it.")
    async def publish_package(self, info: Info, input: PublishPackageInput) -> PackagePublicationPayload:
        """One service call."""
        context = info.context
        service = context.services.packages
        done = await carry_out(context, input, lambda uow, command: service.publish(uow, context.actor, command))
        return PackagePublicationPayload(package_publication=done.node, events=done.events, errors=done.errors)

    @mutation(UnlistPackage, "Have installers pass a version of a package over.")
    async def unlist_package(self, info: Info, input: UnlistPackageInput) -> PackagePublicationPayload:
        """One service call."""
        context = info.context
        service = context.services.packages
        done = await carry_out(context, input, lambda uow, command: service.unlist(uow, context.actor, command))
        return PackagePublicationPayload(package_publication=done.node, events=done.events, errors=done.errors)
