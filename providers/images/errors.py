"""What an image registry refuses, each with the code that OCI Distribution gives it."""

from typing import ClassVar

from providers.errors import ProviderRejected


class ImageRejected(ProviderRejected):
    """Any refusal; ``code`` is one of the specification's list."""

    code: ClassVar[str] = "UNSUPPORTED"


class NameInvalid(ImageRejected):
    """A repository's name or a tag that is not written as one."""

    code = "NAME_INVALID"


class RepositoryUnknown(ImageRejected):
    """Absent, foreign and out of sight look the same."""

    code = "NAME_UNKNOWN"

    def __init__(self, name: str) -> None:
        super().__init__(f"repository {name[:300]!r} does not exist or is out of your sight")


class BlobUnknown(ImageRejected):
    """The repository has no such blob."""

    code = "BLOB_UNKNOWN"

    def __init__(self, digest: str) -> None:
        super().__init__(f"the repository has no blob {digest[:140]!r}")


class ManifestUnknown(ImageRejected):
    """The repository has no such manifest or tag."""

    code = "MANIFEST_UNKNOWN"

    def __init__(self, reference: str) -> None:
        super().__init__(f"the repository has no manifest or tag {reference[:140]!r}")


class ManifestInvalid(ImageRejected):
    """The bytes are no manifest of their media type."""

    code = "MANIFEST_INVALID"


class ManifestBlobUnknown(ImageRejected):
    """The manifest names what the repository does not have."""

    code = "MANIFEST_BLOB_UNKNOWN"

    def __init__(self, digests: list[str]) -> None:
        super().__init__(f"the repository does not have {', '.join(digests[:10])}: push it before the manifest")
        self.digests = digests


class BlobInUse(ImageRejected):
    """A blob that a manifest of the repository names stays until that is deleted."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"blob {digest} is part of a manifest: delete that first")


class UploadUnknown(ImageRejected):
    """Never begun, ended, expired, or of another repository."""

    code = "BLOB_UPLOAD_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("the upload does not exist or has ended: begin one with POST to blobs/uploads/")


class UploadBusy(ImageRejected):
    """Two requests write to one upload at once."""

    code = "BLOB_UPLOAD_INVALID"

    def __init__(self) -> None:
        super().__init__("another request writes to this upload: wait for it to end, then GET where it stands")


class TooManyUploads(ImageRejected):
    """So many are open at once."""

    code = "TOOMANYREQUESTS"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} uploads of your tenant are open: end or cancel one, or wait a day")


class RegistryFull(ImageRejected):
    """The tenant keeps as much as it may."""

    code = "DENIED"

    def __init__(self, most: int) -> None:
        super().__init__(f"the tenant's images are at the limit of {most:,} bytes: delete some")
