"""How repositories, tags and digests are written, and what a registry holds."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from providers.blobs.store import checked
from providers.images.errors import NameInvalid

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRepository:
    """A name within a project."""

    tenant_id: UUID
    project_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Descriptor:
    """What a manifest, an index or a list of referrers says of a piece of content."""

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """As JSON has it."""
        told: dict[str, object] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type:
            told["artifactType"] = self.artifact_type
        if self.annotations:
            told["annotations"] = self.annotations
        return told


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredManifest:
    """The exact bytes, under the digest that they were pushed by."""

    digest: str
    media_type: str
    content: bytes


def is_digest(reference: str) -> bool:
    """Whether it is meant as one; a tag has no colon."""
    return ":" in reference


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    """``sha256:`` or ``sha512:`` and its hex digits."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def canonical(document: object) -> bytes:
    """The one way to write a document, so that the same has the same digest."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def checked_reference(reference: str) -> str:
    """A digest or a tag; DigestInvalid, NameInvalid."""
    return checked(reference) if is_digest(reference) else checked_tag(reference)


def checked_tag(tag: str) -> str:
    """NameInvalid says what would pass."""
    if not _TAG.fullmatch(tag):
        raise NameInvalid(f"{tag[:140]!r} is not a tag: 1 to 128 of letters, digits and _ . - would pass")
    return tag


def split(path: str) -> tuple[str, str, str]:
    """Tenant, project and the name within it; NameInvalid for what can be no repository."""
    parts = path.split("/", 2)
    if len(parts) != 3 or len(path) > 255 or not _NAME.fullmatch(parts[2]):
        raise NameInvalid(f"{path[:300]!r} is not a repository: <tenant>/<project>/<name>, at most 255 characters")
    return parts[0], parts[1], parts[2]
