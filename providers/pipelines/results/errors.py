"""Why a result file is not read: ProviderRejected > ResultsInvalid, which says what is wrong and what would pass."""

from providers.errors import ProviderRejected


class ResultsInvalid(ProviderRejected):
    """It is not the format that it is said to be, or beyond what is read of one file."""
