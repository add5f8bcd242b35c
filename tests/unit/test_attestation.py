"""Images are attested by the tenant's key, and every broken link of the chain is told."""

import base64
import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from providers.fakes.images import MemoryImages
from providers.images.assembly import File, Image, Recipe, assemble
from providers.images.bom import BOM, Part, bill
from providers.images.errors import ManifestUnknown
from providers.images.provenance import Made
from providers.images.pushing import push_image, push_referrer
from providers.images.signing import IN_TOTO, TenantKeys
from providers.images.values import INDEX, MANIFEST, Descriptor, ImageRepository, digest_of
from services.packaging.attestation import AttestationService, Attested, Verification
from tests.e2e.registries import index

HERE = ImageRepository(tenant_id=UUID(int=1), project_id=UUID(int=2), name="app")
REVISION = "a" * 40
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RECIPE = Recipe(
    layers=[{"a": File(content=b"1")}, {"b": File(content=b"2")}],
    epoch=1_700_000_000,
    revision=REVISION,
    version="1.4.17",
    entrypoint=["/a"],
)
IMAGE = assemble(RECIPE)
MADE = Made(
    name="app", source="git+https://git.test/app.git@refs/heads/main", revision=REVISION, run="run-1",
    builder="slipway/local", started_at=AT, finished_at=AT, parameters={"pipeline": "azure-pipelines.yml"},
)  # fmt: skip
PARTS = [
    Part(ecosystem="pypi", name="needed", version="2.0", sha256="0" * 64),
    Part(ecosystem="pypi", name="a", version="1"),
]


def described(image: Image) -> Descriptor:
    return Descriptor(media_type=MANIFEST, digest=image.digest, size=len(image.manifest))


class Attesting:
    """A registry with the image, and the service with its keys."""

    def __init__(self, folder: Path) -> None:
        self.keys = TenantKeys(folder / "keys")
        self.images = MemoryImages()
        self.service = AttestationService(self.keys)

    async def attest(self, image: Image = IMAGE, made: Made = MADE) -> Attested:
        await push_image(self.images, HERE, image)
        bom = bill("app", "1.4.17", image.digest, PARTS, epoch=RECIPE.epoch)
        return await self.service.attest(self.images, HERE, described(image), bom, made)

    async def verify(self, image: Image = IMAGE) -> Verification:
        return await self.service.verify(self.images, HERE, image.digest)

    async def broken(self, image: Image = IMAGE) -> list[str]:
        """The names of the links that do not hold."""
        verification = await self.verify(image)
        assert verification.verified is all(check.passed for check in verification.checks)
        return [check.name for check in verification.checks if not check.passed]

    async def envelope(self, attested: Attested) -> dict[str, Any]:
        manifest = json.loads((await self.images.manifest(HERE, attested.provenance)).content)
        (layer,) = manifest["layers"]
        content = b"".join([block async for block in self.images.read_blob(HERE, layer["digest"])])
        envelope: dict[str, Any] = json.loads(content)
        return envelope

    def corrupt(self, digest: str, content: bytes = b"other") -> None:
        self.images._blobs[HERE, digest] = content


@pytest.fixture
def attesting(tmp_path: Path) -> Attesting:
    return Attesting(tmp_path)


async def test_an_attested_image_is_verified_link_by_link(attesting: Attesting) -> None:
    await attesting.attest()
    verification = await attesting.verify()
    assert verification.verified
    assert [check.name for check in verification.checks] == ["MANIFEST", "BLOBS", "PROVENANCE", "REVISION", "BOM"]
    assert verification.checks[2].told == f"the tenant's key signed that slipway/local made it in run-1 from {REVISION}"
    assert verification.claim is not None
    assert (verification.claim.run, verification.claim.revision) == ("run-1", REVISION)


async def test_attested_again_nothing_new_comes_of_it(attesting: Attesting) -> None:
    first = await attesting.attest()
    assert await attesting.attest() == first
    assert len(await attesting.images.referrers(HERE, IMAGE.digest)) == 2


async def test_the_provenance_is_slsa_v1_signed_over_its_type_and_payload(attesting: Attesting) -> None:
    envelope = await attesting.envelope(await attesting.attest())
    payload = base64.b64decode(envelope["payload"])
    key = load_pem_public_key((await attesting.keys.public(HERE.tenant_id)).encode())
    assert isinstance(key, Ed25519PublicKey)
    signed = b"DSSEv1 %d %s %d %s" % (len(IN_TOTO), IN_TOTO.encode(), len(payload), payload)
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)
    statement = json.loads(payload)
    assert statement["subject"] == [{"name": "app", "digest": {"sha256": IMAGE.digest.removeprefix("sha256:")}}]
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["predicate"]["buildDefinition"] == {
        "buildType": "urn:slipway:azure-pipelines:v1",
        "externalParameters": {"pipeline": "azure-pipelines.yml"},
        "resolvedDependencies": [{"uri": MADE.source, "digest": {"gitCommit": REVISION}}],
    }
    assert statement["predicate"]["runDetails"]["metadata"] == {
        "invocationId": "run-1",
        "startedOn": "2026-01-02T03:04:05Z",
        "finishedOn": "2026-01-02T03:04:05Z",
    }


async def test_an_image_without_provenance_is_not_verified(attesting: Attesting) -> None:
    await push_image(attesting.images, HERE, IMAGE)
    assert await attesting.broken() == ["PROVENANCE"]


async def test_a_statement_that_another_key_signed_says_nothing(attesting: Attesting, tmp_path: Path) -> None:
    stranger = Attesting(tmp_path / "stranger")
    stranger.images = attesting.images
    await stranger.attest()
    assert await attesting.broken() == ["PROVENANCE"]
    await attesting.attest()
    assert await attesting.broken() == []


async def test_a_statement_of_another_image_says_nothing_of_this_one(attesting: Attesting) -> None:
    other = assemble(replace(RECIPE, epoch=1))
    signed = json.dumps(await attesting.envelope(await attesting.attest(other))).encode()
    await push_image(attesting.images, HERE, IMAGE)
    await push_referrer(attesting.images, HERE, described(IMAGE), signed, IN_TOTO)
    assert await attesting.broken() == ["PROVENANCE"]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"payload": 1, "payloadType": "x", "signatures": []}', b"[" * 100_000]
)
async def test_what_is_no_envelope_is_passed_by(attesting: Attesting, content: bytes) -> None:
    await attesting.attest()
    await push_referrer(attesting.images, HERE, described(IMAGE), content, IN_TOTO)
    assert await attesting.broken() == []
    assert await attesting.keys.opened(HERE.tenant_id, content) is None


async def test_a_payload_that_was_changed_is_not_signed(attesting: Attesting) -> None:
    envelope = await attesting.envelope(await attesting.attest())
    changed = base64.b64decode(envelope["payload"]).replace(b"run-1", b"run-2")
    forged = envelope | {"payload": base64.b64encode(changed).decode()}
    assert await attesting.keys.opened(HERE.tenant_id, json.dumps(forged).encode()) is None
    assert await attesting.keys.opened(UUID(int=9), json.dumps(envelope).encode()) is None
    assert await attesting.keys.opened(HERE.tenant_id, json.dumps(envelope).encode()) is not None


async def test_a_commit_that_the_provenance_does_not_name_is_told(attesting: Attesting) -> None:
    await attesting.attest(made=replace(MADE, revision="b" * 40))
    assert await attesting.broken() == ["REVISION"]


async def test_a_layer_that_is_another_or_absent_is_told(attesting: Attesting) -> None:
    await attesting.attest()
    first, second = (layer["digest"] for layer in json.loads(IMAGE.manifest)["layers"])
    attesting.corrupt(first)
    del attesting.images._blobs[HERE, second]
    assert await attesting.broken() == ["BLOBS"]
    told = (await attesting.verify()).checks[1].told
    assert sorted(told.split("; ")) == sorted([f"{first} is {digest_of(b'other')}", f"{second} is absent"])


async def test_a_bill_of_materials_that_is_another_is_told(attesting: Attesting) -> None:
    await attesting.attest()
    attesting.corrupt(digest_of(bill("app", "1.4.17", IMAGE.digest, PARTS, epoch=RECIPE.epoch)))
    assert await attesting.broken() == ["BOM"]


async def test_an_index_is_no_image(attesting: Attesting) -> None:
    await attesting.attest()
    listed = index(IMAGE.manifest)
    await attesting.images.push_manifest(HERE, listed, INDEX)
    verification = await attesting.service.verify(attesting.images, HERE, digest_of(listed))
    assert [check.name for check in verification.checks if not check.passed] == ["BLOBS", "PROVENANCE"]
    with pytest.raises(ManifestUnknown):
        await attesting.service.verify(attesting.images, HERE, digest_of(b"none"))


def test_a_bill_of_materials_is_the_same_for_the_same_image() -> None:
    first = bill("app", "1.4.17", IMAGE.digest, PARTS, epoch=RECIPE.epoch)
    assert bill("app", "1.4.17", IMAGE.digest, [*reversed(PARTS), PARTS[0]], epoch=RECIPE.epoch) == first
    told = json.loads(first)
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert told["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert [one["purl"] for one in told["components"]] == ["pkg:pypi/a@1", "pkg:pypi/needed@2.0"]
    assert told["dependencies"][-1] == {"ref": IMAGE.digest, "dependsOn": ["pkg:pypi/a@1", "pkg:pypi/needed@2.0"]}
    assert BOM == "application/vnd.cyclonedx+json"


async def test_a_tenant_has_one_key_of_its_own_that_nobody_else_reads(attesting: Attesting, tmp_path: Path) -> None:
    again = TenantKeys(tmp_path / "keys")
    one = await attesting.keys.public(UUID(int=1))
    assert await again.public(UUID(int=1)) == one
    assert await again.public(UUID(int=2)) != one
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert (modes, stat.S_IMODE((tmp_path / "keys").stat().st_mode)) == ({0o600}, 0o700)
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [f"{UUID(int=n).hex}.pem" for n in (1, 2)]
