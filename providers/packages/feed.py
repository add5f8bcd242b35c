"""The port to package feeds: one for each ecosystem."""

from typing import Protocol
from uuid import UUID

from providers.packages.values import Ecosystem, NamedFile, PackageFile


class PackageFeed(Protocol):
    """Any number of threads, loops and processes may ask at once. ProviderUnavailable when the feed does not answer."""

    @property
    def ecosystem(self) -> Ecosystem:
        """Whose packages it takes."""
        ...

    def canonical(self, name: str) -> str:
        """The one spelling of a package's name, whichever way it is written; asks nobody."""
        ...

    def named(self, filename: str) -> NamedFile:
        """What the name of a file says; PackageInvalid when it is none of the ecosystem's. Asks nobody."""
        ...

    async def publish(self, tenant_id: UUID, filename: str, digest: str) -> PackageFile:
        """Takes a blob of the tenant into the feed; the same again changes nothing.

        PackageInvalid when the content is not what its name says; BlobMissing when there is no such blob.
        """
        ...
