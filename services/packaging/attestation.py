"""Attests images, and verifies what was attested: from the bytes that would run back to the commit and the run."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from providers.blobs.errors import DigestInvalid
from providers.images import manifests, provenance
from providers.images.assembly import REVISION
from providers.images.bom import BOM
from providers.images.errors import BlobUnknown, ImageRejected
from providers.images.provenance import PREDICATE, Claim, Made
from providers.images.pushing import push_referrer
from providers.images.registry import ImageRegistry
from providers.images.signing import IN_TOTO, TenantKeys
from providers.images.values import Descriptor, ImageRepository, StoredManifest, digest_of

PREDICATE_TYPE: Final = "in-toto.io/predicate-type"
MOST_ENVELOPES: Final = 1_000
MOST_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Attested:
    """The digests of the manifests that refer to the image."""

    bom: str
    provenance: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One link of the chain; ``told`` says what it proves, or why it does not."""

    name: str
    passed: bool
    told: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Every link, in order; after the first that is broken nothing is proven."""

    checks: tuple[Check, ...]
    claim: Claim | None = None

    @property
    def verified(self) -> bool:
        """Whether the whole chain holds."""
        return all(check.passed for check in self.checks)


class AttestationService:
    """Works on any registry; the keys are this installation's."""

    def __init__(self, keys: TenantKeys) -> None:
        self._keys = keys

    async def attest(
        self, registry: ImageRegistry, repository: ImageRepository, image: Descriptor, bom: bytes, made: Made
    ) -> Attested:
        """The bill first, so that the provenance, which is signed, names it. Repeated, nothing new comes of it."""
        billed = await push_referrer(registry, repository, image, bom, BOM)
        statement = provenance.statement(made, image.digest, digest_of(bom))
        envelope = await self._keys.sign(repository.tenant_id, statement)
        told = {PREDICATE_TYPE: PREDICATE}
        proven = await push_referrer(registry, repository, image, envelope, IN_TOTO, annotations=told)
        return Attested(bom=billed, provenance=proven)

    async def verify(self, registry: ImageRegistry, repository: ImageRepository, digest: str) -> Verification:
        """ManifestUnknown when there is no such image; whatever else is wrong with it is a check that failed."""
        stored = await registry.manifest(repository, digest)
        checks = [_manifest(stored, digest), await _blobs(registry, repository, stored)]
        claim = await self._claim(registry, repository, digest)
        if claim is None:
            why = "no provenance of this image is signed by the tenant's key"
            return Verification(checks=(*checks, Check(name="PROVENANCE", passed=False, told=why)))
        told = f"the tenant's key signed that {claim.builder} made it in {claim.run} from {claim.revision}"
        checks.append(Check(name="PROVENANCE", passed=True, told=told))
        checks.append(_revision(stored, claim))
        checks.append(await _bom(registry, repository, claim))
        return Verification(checks=tuple(checks), claim=claim)

    async def _claim(self, registry: ImageRegistry, repository: ImageRepository, digest: str) -> Claim | None:
        """Whoever pushes may attach statements: those that the key did not sign, or of another image, say nothing."""
        attached = await registry.referrers(repository, digest, artifact_type=IN_TOTO)
        for one in attached[:MOST_ENVELOPES]:
            envelope = await _layer(registry, repository, one.digest)
            statement = None if envelope is None else await self._keys.opened(repository.tenant_id, envelope)
            claim = None if statement is None else provenance.claim(statement)
            if claim is not None and digest in claim.digests:
                return claim
        return None


def _manifest(stored: StoredManifest, digest: str) -> Check:
    actual = digest_of(stored.content, digest.partition(":")[0])
    told = f"the manifest is {actual}" if actual == digest else f"the manifest is {actual}, not {digest}"
    return Check(name="MANIFEST", passed=actual == digest, told=told)


async def _blobs(registry: ImageRegistry, repository: ImageRepository, stored: StoredManifest) -> Check:
    """Read whole: what would run is what the manifest names."""
    wrong = []
    named = manifests.read(stored.content, stored.media_type)
    if named.manifests:
        return Check(name="BLOBS", passed=False, told="it is an index: verify the images that it names")
    blobs = sorted(named.blobs)
    for digest in blobs:
        found = hashlib.new(digest.partition(":")[0])
        try:
            async for block in registry.read_blob(repository, digest):
                found.update(block)
        except BlobUnknown:
            wrong.append(f"{digest} is absent")
            continue
        if found.hexdigest() != digest.partition(":")[2]:
            wrong.append(f"{digest} is {found.name}:{found.hexdigest()}")
    told = "; ".join(wrong) or f"config and layers, {len(blobs)} blobs, are what the manifest names"
    return Check(name="BLOBS", passed=not wrong, told=told)


def _revision(stored: StoredManifest, claim: Claim) -> Check:
    document = json.loads(stored.content)
    labelled = (document.get("annotations") or {}).get(REVISION)
    if labelled == claim.revision:
        return Check(name="REVISION", passed=True, told=f"image and provenance name the commit {labelled}")
    told = f"the image names the commit {labelled}, its provenance {claim.revision}"
    return Check(name="REVISION", passed=False, told=told)


async def _bom(registry: ImageRegistry, repository: ImageRepository, claim: Claim) -> Check:
    if claim.bom is None:
        return Check(name="BOM", passed=False, told="the provenance names no bill of materials")
    content = await _content(registry, repository, claim.bom)
    if content is None or digest_of(content) != claim.bom:
        return Check(name="BOM", passed=False, told=f"the bill of materials {claim.bom} is absent or another")
    return Check(
        name="BOM", passed=True, told=f"the provenance names the bill of materials {claim.bom}, which is there"
    )


async def _layer(registry: ImageRegistry, repository: ImageRepository, digest: str) -> bytes | None:
    """The content of a referrer of one layer; None for one that is shaped otherwise."""
    try:
        document = json.loads((await registry.manifest(repository, digest)).content)
        (layer,) = document["layers"]
        return await _content(registry, repository, layer["digest"])
    except (ImageRejected, DigestInvalid, ValueError, KeyError, TypeError):
        return None


async def _content(registry: ImageRegistry, repository: ImageRepository, digest: str) -> bytes | None:
    size = await registry.blob_size(repository, digest)
    if size is None or size > MOST_BYTES:
        return None
    try:
        return b"".join([block async for block in registry.read_blob(repository, digest)])
    except BlobUnknown:
        return None
