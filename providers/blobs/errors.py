"""What a blob store refuses."""

from providers.errors import ProviderRejected


class BlobMissing(ProviderRejected):
    """The tenant has no such blob; another tenant's looks the same."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"there is no blob {digest[:80]!r}")
        self.digest = digest


class BlobMismatch(ProviderRejected):
    """The content is not what its digest says; nothing of it is kept."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"the content is {actual}, not {expected}: send it again as it was digested")
        self.expected, self.actual = expected, actual


class RangeInvalid(ProviderRejected):
    """The range does not lie within the blob."""

    def __init__(self, start: int, end: int, size: int) -> None:
        super().__init__(f"bytes {start} to {end} are not within the {size:,} of the blob")


class DigestInvalid(ProviderRejected):
    """A digest that is not written as one."""

    def __init__(self, digest: str) -> None:
        super().__init__(
            f"{digest[:80]!r} is not a digest: 'sha256:' and 64 lower-case hex digits would pass, or 'sha512:' and 128"
        )
