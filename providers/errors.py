"""What providers raise: ProviderError > (ProviderUnavailable: try again later, ProviderRejected: never will pass)."""


class ProviderError(Exception):
    """Any failure of a provider; services map it to what users see."""


class ProviderUnavailable(ProviderError):
    """The provider does not answer now."""


class ProviderRejected(ProviderError):
    """The provider refused for good."""
