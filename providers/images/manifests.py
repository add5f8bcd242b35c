"""What a registry must know of a manifest that is pushed; the rest of its bytes is the client's business."""

import json
from dataclasses import dataclass
from typing import Any, Final

from providers.blobs.errors import DigestInvalid
from providers.blobs.store import checked
from providers.images.errors import ManifestInvalid
from providers.images.values import INDEX, MANIFEST

MOST_BYTES: Final = 4 * 1024 * 1024
MOST_REFERENCES: Final = 10_000
_IMAGES: Final = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
_INDEXES: Final = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
_ELSEWHERE: Final = ("nondistributable", "foreign")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The blobs and manifests that a manifest is made of, and what a list of referrers tells of one with a subject."""

    media_type: str
    blobs: frozenset[str]
    manifests: frozenset[str]
    subject: str | None
    artifact_type: str | None
    annotations: dict[str, str]


def read(content: bytes, media_type: str) -> Told:
    """Fields that the registry does not know pass; ManifestInvalid says what is wrong with those that it does."""
    document = _document(content)
    given = media_type.partition(";")[0].strip().lower() or str(document.get("mediaType", ""))
    if given not in _IMAGES + _INDEXES:
        raise ManifestInvalid(f"Content-Type {given[:100]!r} is no manifest: {MANIFEST} or {INDEX} would pass")
    if document.get("mediaType", given) != given:
        raise ManifestInvalid(f"the manifest says it is {str(document['mediaType'])[:100]!r}, the request {given!r}")
    if document.get("schemaVersion") != 2:
        raise ManifestInvalid("schemaVersion is not 2")
    told = _image(document) if given in _IMAGES else _index(document)
    subject = document.get("subject")
    return Told(
        media_type=given,
        blobs=told[0],
        manifests=told[1],
        subject=None if subject is None else _digest(subject, "subject"),
        artifact_type=told[2],
        annotations={} if subject is None else _annotations(document),
    )


def _image(document: dict[str, Any]) -> tuple[frozenset[str], frozenset[str], str | None]:
    config = document.get("config")
    blobs = {_digest(config, "config")}
    for place, layer in enumerate(_listed(document, "layers")):
        digest = _digest(layer, f"layers[{place}]")
        if not any(word in str(layer.get("mediaType")) for word in _ELSEWHERE):
            blobs.add(digest)
    kind = document.get("artifactType") or (config or {}).get("mediaType")
    return frozenset(blobs), frozenset(), _word(kind, "artifactType")


def _index(document: dict[str, Any]) -> tuple[frozenset[str], frozenset[str], str | None]:
    listed = _listed(document, "manifests")
    manifests = {_digest(entry, f"manifests[{place}]") for place, entry in enumerate(listed)}
    return frozenset(), frozenset(manifests), _word(document.get("artifactType"), "artifactType")


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalid(f"the manifest is not JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise ManifestInvalid("the manifest is not a JSON object")
    return document


def _listed(document: dict[str, Any], field: str) -> list[Any]:
    listed = document.get(field)
    if not isinstance(listed, list):
        raise ManifestInvalid(f"{field} is not a list")
    if len(listed) > MOST_REFERENCES:
        raise ManifestInvalid(f"{field} has {len(listed):,} entries: at most {MOST_REFERENCES:,} would pass")
    return listed


def _digest(descriptor: Any, field: str) -> str:
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("digest"), str):
        raise ManifestInvalid(f"{field} is not a descriptor with a digest")
    try:
        return checked(descriptor["digest"])
    except DigestInvalid as error:
        raise ManifestInvalid(f"{field}: {error}") from error


def _annotations(document: dict[str, Any]) -> dict[str, str]:
    annotations = document.get("annotations") or {}
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        raise ManifestInvalid("annotations is not an object of texts")
    return {_storable(name): _storable(value) for name, value in annotations.items()}


def _word(value: Any, field: str) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > 255):
        raise ManifestInvalid(f"{field} is not a text of at most 255 characters")
    return _storable(value) if value else None


def _storable(text: str) -> str:
    """No database keeps NUL or half a surrogate pair in a text."""
    if any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text):
        raise ManifestInvalid("an annotation or artifactType has a character that is no text")
    return text
