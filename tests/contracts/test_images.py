"""What every image registry must do, tried on the embedded one and on its twin in memory."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import URL

from providers.blobs.errors import BlobMismatch, DigestInvalid
from providers.blobs.folder import BlobFolder
from providers.fakes.images import MemoryImages
from providers.images.assembly import File, Recipe, assemble
from providers.images.errors import (
    BlobUnknown,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    RegistryFull,
)
from providers.images.pushing import push_image, push_referrer
from providers.images.registry import ImageRegistry
from providers.images.values import INDEX, MANIFEST, Descriptor, ImageRepository, digest_of
from services.failpoints import Failpoints
from services.packaging.embedded_registry import EmbeddedRegistry
from services.packaging.registry import RegistryService
from storage.engine import Database
from tests.conftest import new_database
from tests.e2e.registries import CONFIG, index, manifest

HERE = ImageRepository(tenant_id=UUID(int=1), project_id=UUID(int=2), name="app")
OTHERS = [
    ImageRepository(tenant_id=UUID(int=9), project_id=HERE.project_id, name="app"),
    ImageRepository(tenant_id=HERE.tenant_id, project_id=UUID(int=9), name="app"),
    ImageRepository(tenant_id=HERE.tenant_id, project_id=HERE.project_id, name="app/other"),
]
IMAGE = assemble(
    Recipe(layers=[{"a": File(content=b"1")}], epoch=0, revision="a" * 40, version="1.0.0", entrypoint=["/a"])
)


def embedded(database: Database, folder: Path, most: int = 2**30) -> EmbeddedRegistry:
    return EmbeddedRegistry(database, RegistryService(most_bytes=most), BlobFolder(folder / "blobs"), Failpoints())


@pytest.fixture(params=["embedded", "memory"])
async def images(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ImageRegistry]:
    if request.param == "memory":
        yield MemoryImages()
        return
    database = Database(new_database(request, "sqlite", tmp_path))
    yield embedded(database, tmp_path)
    await database.close()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def blob(images: ImageRegistry, content: bytes, repository: ImageRepository = HERE) -> str:
    digest = digest_of(content)
    assert await images.push_blob(repository, digest, chunks(content)) == len(content)
    return digest


async def content_of(images: ImageRegistry, digest: str, repository: ImageRepository = HERE) -> bytes:
    return b"".join([block async for block in images.read_blob(repository, digest)])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_blob_is_kept_in_its_repository_alone(images: ImageRegistry, algorithm: str) -> None:
    digest = digest_of(b"hello", algorithm)
    for _ in range(2):
        assert await images.push_blob(HERE, digest, chunks(b"he", b"llo")) == 5
    assert await images.blob_size(HERE, digest) == 5
    assert await content_of(images, digest) == b"hello"
    for other in OTHERS:
        assert await images.blob_size(other, digest) is None
        with pytest.raises(BlobUnknown):
            await content_of(images, digest, other)


async def test_content_that_is_not_what_its_digest_says_is_not_kept(images: ImageRegistry) -> None:
    digest = digest_of(b"hello")
    with pytest.raises(BlobMismatch):
        await images.push_blob(HERE, digest, chunks(b"other"))
    assert await images.blob_size(HERE, digest) is None
    with pytest.raises(DigestInvalid):
        await images.push_blob(HERE, "sha256:1", chunks(b"hello"))


async def test_an_image_is_pushed_and_pushed_again(images: ImageRegistry) -> None:
    for tags in (["1.0", "latest"], ["1.0"]):
        assert await push_image(images, HERE, IMAGE, tags=tags) == IMAGE.digest
    assert await images.tags(HERE) == ["1.0", "latest"]
    for reference in ("1.0", IMAGE.digest):
        found = await images.manifest(HERE, reference)
        assert (found.digest, found.media_type, found.content) == (IMAGE.digest, MANIFEST, IMAGE.manifest)
    assert {digest: await content_of(images, digest) for digest in IMAGE.blobs} == IMAGE.blobs
    for other in OTHERS:
        assert await images.tags(other) == []
        with pytest.raises(ManifestUnknown):
            await images.manifest(other, "1.0")


async def test_a_manifest_names_only_what_its_repository_has(images: ImageRegistry) -> None:
    await blob(images, b"{}", OTHERS[2])
    with pytest.raises(ManifestBlobUnknown) as caught:
        await images.push_manifest(HERE, manifest(b"{}"), MANIFEST)
    assert caught.value.digests == [digest_of(b"{}")]
    with pytest.raises(ManifestBlobUnknown):
        await images.push_manifest(HERE, index(manifest(b"{}")), INDEX)


async def test_what_is_malformed_is_refused(images: ImageRegistry) -> None:
    with pytest.raises(ManifestInvalid):
        await images.push_manifest(HERE, b"[]", MANIFEST)
    with pytest.raises(NameInvalid):
        await images.push_manifest(HERE, index(), INDEX, tags=["a b"])
    with pytest.raises(NameInvalid):
        await images.manifest(HERE, "a b")
    with pytest.raises(DigestInvalid):
        await images.delete(HERE, "sha256:1")


async def test_referrers_are_those_of_the_repository_by_digest(images: ImageRegistry) -> None:
    subject = Descriptor(media_type=MANIFEST, digest=IMAGE.digest, size=len(IMAGE.manifest))
    assert await images.referrers(HERE, IMAGE.digest) == []
    pushed = [
        await push_referrer(images, HERE, subject, f"{number}".encode(), f"application/{number % 2}", annotations=told)
        for number, told in enumerate([{"n": "0"}, {}, {"n": "2"}])
    ]
    found = await images.referrers(HERE, IMAGE.digest)
    assert [one.digest for one in found] == sorted(pushed)
    told = {one.digest: (one.artifact_type, one.annotations) for one in found}
    assert [told[digest] for digest in pushed] == [
        ("application/0", {"n": "0"}),
        ("application/1", {}),
        ("application/0", {"n": "2"}),
    ]
    assert [one.digest for one in await images.referrers(HERE, IMAGE.digest, artifact_type="application/1")] == [
        pushed[1]
    ]
    assert await images.referrers(OTHERS[2], IMAGE.digest) == []


async def test_all_referrers_are_told_however_many(images: ImageRegistry) -> None:
    await blob(images, b"{}")
    subject = {"mediaType": MANIFEST, "digest": IMAGE.digest, "size": 1}
    pushed = [
        await images.push_manifest(HERE, manifest(b"{}", subject=subject, annotations={"n": str(number)}), MANIFEST)
        for number in range(120)
    ]
    found = await images.referrers(HERE, IMAGE.digest, artifact_type=CONFIG)
    assert [one.digest for one in found] == sorted(pushed)


async def test_tags_come_by_their_bytes(images: ImageRegistry) -> None:
    await images.push_manifest(HERE, index(), INDEX, tags=["b", "a", "B", "_", "1"])
    assert await images.tags(HERE) == ["1", "B", "_", "a", "b"]
    assert await images.tags(HERE, after="B", limit=2) == ["_", "a"]


async def test_a_manifest_is_deleted_with_its_tags_and_a_tag_alone(images: ImageRegistry) -> None:
    await push_image(images, HERE, IMAGE, tags=["1.0", "latest"])
    await push_image(images, OTHERS[2], IMAGE, tags=["1.0"])
    await images.delete(HERE, "latest")
    assert await images.tags(HERE) == ["1.0"]
    await images.delete(HERE, IMAGE.digest)
    assert await images.tags(HERE) == []
    for reference in ("1.0", IMAGE.digest):
        with pytest.raises(ManifestUnknown):
            await images.delete(HERE, reference)
    assert await images.tags(OTHERS[2]) == ["1.0"]


async def test_the_embedded_one_has_a_bound(database_url: URL, tmp_path: Path) -> None:
    database = Database(database_url)
    full = embedded(database, tmp_path, most=4)
    await blob(full, b"1234")
    with pytest.raises(RegistryFull):
        await blob(full, b"5")
    await blob(full, b"5", OTHERS[0])
    await database.close()
