"""What a package feed refuses."""

from providers.errors import ProviderRejected


class PackageInvalid(ProviderRejected):
    """The file is not the package that it says it is; nothing of it is published."""
