"""What an image is made of, as a CycloneDX 1.6 bill of materials: the same image has the same bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

BOM: Final = "application/vnd.cyclonedx+json"
_NUMBERS: Final = UUID("6f0c3a52-6f1b-5d0e-9f44-6a2f3a1c7d10")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A package that went into an image; ``ecosystem`` is a type of package URL such as ``pypi``."""

    ecosystem: str
    name: str
    version: str
    sha256: str | None = None


def bill(name: str, version: str, digest: str, parts: Iterable[Part], *, epoch: int) -> bytes:
    """Of the image of this digest; each part once."""
    root = Component(
        name=name,
        version=version,
        type=ComponentType.CONTAINER,
        bom_ref=digest,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.partition(":")[2])],
    )
    components = [_component(part) for part in sorted(set(parts), key=lambda part: (part.name, part.version))]
    made = Bom(
        components=components,
        serial_number=uuid5(_NUMBERS, digest),
        metadata=BomMetaData(component=root, timestamp=datetime.fromtimestamp(epoch, UTC)),
        dependencies=[Dependency(root.bom_ref, [Dependency(component.bom_ref) for component in components])],
    )
    return JsonV1Dot6(made).output_as_string().encode()


def _component(part: Part) -> Component:
    url = PackageURL(part.ecosystem, name=part.name, version=part.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)] if part.sha256 else []
    return Component(name=part.name, version=part.version, purl=url, bom_ref=url.to_string(), hashes=hashes)
