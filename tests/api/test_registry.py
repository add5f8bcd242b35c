"""The image registry on both databases: its walls, its scopes, its bounds, and what is removed after its time."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, update

from schema.scalars import BigInt
from services.packaging import registry
from storage.tables.registry import RegistryBlobRow, RegistryUploadRow
from storage.tables.scoped import now
from tests.api.conftest import Client
from tests.api.test_uploads import backdate
from tests.e2e.registries import INDEX, MANIFEST, Images, code, described, digest_of, index, manifest
from workers import blob_sweep
from workers.blob_sweep import BlobSweep
from workers.retention import Kept, Retention

pytestmark = pytest.mark.both_databases
BLOB = b"layer"
DIGEST = digest_of(BLOB)
ABSENT = (404, "NAME_UNKNOWN")


@pytest.fixture
async def project(admin: Client) -> str:
    await admin.done("createProject", "project { id }", name="other")
    return str((await admin.done("createProject", "project { id }", name="booking"))["project"]["id"])


@pytest.fixture
def images(admin: Client, project: str) -> Images:
    return Images(admin, "acme/booking/app")


async def requests(images: Images) -> AsyncIterator[tuple[str, httpx.Response]]:
    """Everything that may be asked of a repository, of one that has an image ``1.0``."""
    content = manifest(b"{}", BLOB)
    for method, path, body in (
        ("GET", f"blobs/{DIGEST}", b""),
        ("GET", "manifests/1.0", b""),
        ("GET", f"manifests/{digest_of(content)}", b""),
        ("GET", "tags/list", b""),
        ("GET", f"referrers/{DIGEST}", b""),
        ("POST", "blobs/uploads/", b""),
        ("POST", f"blobs/uploads/?digest={digest_of(b'x')}", b"x"),
        ("POST", f"blobs/uploads/?mount={DIGEST}", b""),
        ("PUT", "manifests/2.0", content),
        ("DELETE", "manifests/1.0", b""),
        ("DELETE", f"blobs/{DIGEST}", b""),
    ):
        yield f"{method} {path}", await images.ask(method, path, body, content_type=MANIFEST)


async def test_who_brings_no_token_is_asked_for_one(images: Images) -> None:
    for auth in (None, httpx.BasicAuth("anyone", "nonsense")):
        nobody = images.by(auth)
        for answer in [await nobody.ask("GET", "/v2/")] + [one async for _, one in requests(nobody)]:
            assert code(answer) == (401, "UNAUTHORIZED")
            assert answer.headers["www-authenticate"] == 'Basic realm="slipway", charset="UTF-8"'


async def test_a_token_is_taken_as_a_password_and_as_bearer(admin: Client, images: Images) -> None:
    assert (await images.ask("GET", "/v2/")).status_code == 200
    bearer = await images.by(None).ask("GET", "/v2/", authorization=f"Bearer {admin.token}")
    assert bearer.status_code == 200


async def test_another_tenants_repository_is_absent(operator: Client, admin: Client, images: Images) -> None:
    await images.image("1.0", BLOB)
    theirs = Images(await operator.tenant("globex"), images.name)
    for name, answer in [one async for one in requests(theirs)]:
        assert (name, code(answer)) == (name, ABSENT)
    location = await images.begun()
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        assert code(await theirs.ask(method, f"{location}?digest={DIGEST}", b"x")) == ABSENT
    assert (await images.ask("GET", location)).status_code == 204


async def test_a_project_out_of_a_tokens_sight_is_absent(admin: Client, images: Images, project: str) -> None:
    limited = await admin.limited(project, ["PACKAGES_PUBLISH"])
    other = images.named("acme/other/app")
    await other.image("1.0", BLOB)
    for name, answer in [one async for one in requests(Images(limited, other.name))]:
        assert (name, code(answer)) == (name, ABSENT)
    mine = Images(limited, images.name)
    for query in ("", f"&from={other.name}"):
        assert (await mine.ask("POST", f"blobs/uploads/?mount={DIGEST}{query}")).status_code == 202
    assert code(await mine.ask("GET", f"blobs/{DIGEST}")) == (404, "BLOB_UNKNOWN")


async def test_an_upload_is_of_its_repository_only(images: Images) -> None:
    location = await images.begun()
    elsewhere = location.replace("booking/app", "booking/other")
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = await images.ask(method, f"{elsewhere}?digest={DIGEST}", BLOB)
        assert code(answer) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert (await images.ask("GET", location)).headers["range"] == "0-0"


async def test_a_limited_token_pushes_and_pulls_in_its_project(admin: Client, images: Images, project: str) -> None:
    mine = Images(await admin.limited(project, ["PACKAGES_PUBLISH"]), images.name)
    digest = await mine.image("1.0", BLOB, subject=described(b"s", MANIFEST))
    assert (await mine.ask("GET", f"manifests/{digest}")).status_code == 200
    assert (await mine.ask("GET", "tags/list")).json()["tags"] == ["1.0"]
    assert len((await mine.ask("GET", f"referrers/{digest_of(b's')}")).json()["manifests"]) == 1
    other = Images(mine.admin, "acme/booking/two")
    assert (await other.ask("POST", f"blobs/uploads/?mount={DIGEST}")).status_code == 201
    location = await mine.begun()
    assert (await mine.ask("PATCH", location, BLOB)).status_code == 202
    assert (await mine.ask("DELETE", location)).status_code == 204
    assert (await mine.ask("DELETE", f"manifests/{digest}")).status_code == 202
    assert (await mine.ask("DELETE", f"blobs/{DIGEST}")).status_code == 202


async def test_a_reader_pulls_and_pushes_nothing(admin: Client, images: Images, project: str) -> None:
    await images.image("1.0", BLOB)
    reader = Images(await admin.limited(project, ["READ"]), images.name)
    for name, answer in [one async for one in requests(reader)]:
        assert (name, answer.status_code) == (name, 200 if name.startswith("GET") else 403)
        if answer.status_code == 403:
            assert code(answer) == (403, "DENIED")
    assert (await images.ask("GET", "tags/list")).json()["tags"] == ["1.0"]


@pytest.mark.parametrize("name", ["acme", "acme/booking", "acme/booking/", "acme/booking/UP", "acme/booking/a//b"])
async def test_what_is_no_name_is_told(images: Images, name: str) -> None:
    assert code(await images.named(name).ask("GET", "tags/list")) == (400, "NAME_INVALID")


async def test_names_that_are_unknown_are_absent(images: Images) -> None:
    for name in ("acme/none/app", "none/booking/app", "acme/booking/none"):
        assert code(await images.named(name).ask("GET", "tags/list")) == ABSENT


async def test_a_tenants_images_have_a_bound(admin: Client, images: Images) -> None:
    admin.slipway.settings.limits.images_bytes = BigInt(10)
    small = Images(Client(admin.slipway, admin.token), images.name)
    assert await small.push(b"12345") == digest_of(b"12345")
    assert await small.named("acme/other/app").push(b"12345") == digest_of(b"12345")  # the same content counts once
    assert code(await small.ask("POST", f"blobs/uploads/?digest={digest_of(b'123456')}", b"123456")) == (403, "DENIED")
    location = await small.begun()
    assert (await small.ask("PATCH", location, b"abc")).status_code == 202
    assert code(await small.ask("PATCH", location, b"abc")) == (403, "DENIED")
    assert (await small.ask("GET", location)).headers["range"] == "0-2"
    assert (await small.ask("DELETE", location)).status_code == 204
    assert await small.push(b"abcde") == digest_of(b"abcde")
    assert code(await small.ask("POST", f"blobs/uploads/?digest={digest_of(b'x')}", b"x")) == (403, "DENIED")


async def test_open_uploads_have_a_bound(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MOST_UPLOADS", 2)
    first = await images.begun()
    await images.begun()
    answer = await images.ask("POST", "blobs/uploads/")
    assert code(answer) == (429, "TOOMANYREQUESTS")
    assert answer.headers["retry-after"] == "5"
    await images.ask("DELETE", first)
    assert await images.begun()


async def test_a_compressed_body_is_refused(images: Images) -> None:
    answer = await images.ask("POST", f"blobs/uploads/?digest={DIGEST}", BLOB, content_encoding="gzip")
    assert code(answer) == (415, "BLOB_UPLOAD_INVALID")


async def test_a_chunk_of_another_length_than_it_tells_is_taken_back(images: Images) -> None:
    location = await images.begun()
    assert code(await images.ask("PATCH", location, b"abc", content_range="0-4")) == (400, "BLOB_UPLOAD_INVALID")
    assert code(await images.ask("PATCH", location, b"abc", content_range="x")) == (400, "BLOB_UPLOAD_INVALID")
    assert (await images.ask("PATCH", location, b"abcde", content_range="0-4")).headers["range"] == "0-4"


def files(admin: Client) -> list[Path]:
    return sorted((admin.slipway.settings.data / "image-uploads").glob("*"))


async def sweep(admin: Client) -> dict[str, int]:
    slipway = admin.slipway

    class Idle:
        async def purge(self, *_: object) -> int:
            return 0

    blobs = Kept(name="blobs", age=blob_sweep.AGE, drop=BlobSweep(slipway.database, slipway.providers.blobs).drop)
    ended = Kept(name="files", age=timedelta(hours=25), drop=slipway.providers.image_uploads.drop)
    return await Retention(slipway.database, Idle(), blobs, ended).sweep()  # type: ignore[arg-type]  # only its purge is asked for


def age(outside: Engine, kind: Any, by: timedelta) -> None:
    with outside.begin() as connection:
        connection.execute(update(kind).values(created_at=now() - by))


async def test_an_upload_ends_after_a_day(admin: Client, images: Images, outside: Engine) -> None:
    location = await images.begun()
    await images.ask("PATCH", location, BLOB)
    assert len(files(admin)) == 1
    age(outside, RegistryUploadRow, timedelta(hours=24, seconds=1))
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = await images.ask(method, f"{location}?digest={DIGEST}", b"x")
        assert code(answer) == (404, "BLOB_UPLOAD_UNKNOWN")
    removed = await sweep(admin)
    assert (removed["image uploads"], removed["files"]) == (1, 0)
    (file,) = files(admin)
    then = (now() - timedelta(hours=25, seconds=1)).timestamp()
    os.utime(file, (then, then))
    assert ((await sweep(admin))["files"], files(admin)) == (1, [])


async def test_an_upload_that_has_ended_leaves_no_file(admin: Client, images: Images) -> None:
    for content, digest in ((BLOB, DIGEST), (b"wrong", DIGEST)):
        location = await images.begun()
        await images.ask("PATCH", location, content[:2])
        await images.ask("PUT", f"{location}?digest={digest}", content[2:])
    await images.ask("DELETE", await images.begun())
    assert files(admin) == []


async def test_what_no_manifest_names_goes_after_a_week_and_its_content_with_it(
    admin: Client, images: Images, outside: Engine
) -> None:
    await images.image("1.0", BLOB)
    await images.push(b"loose")
    stored = [blob async for blob in admin.slipway.providers.blobs.older(now() + timedelta(days=1))]
    for blob in stored:
        backdate(admin, blob, timedelta(days=30))
    age(outside, RegistryBlobRow, timedelta(days=6, hours=23))
    removed = await sweep(admin)
    assert (removed["blobs of no image"], removed["blobs"]) == (0, 0)
    age(outside, RegistryBlobRow, timedelta(days=7, seconds=1))
    removed = await sweep(admin)
    assert (removed["blobs of no image"], removed["blobs"]) == (1, 1)
    assert code(await images.ask("GET", f"blobs/{digest_of(b'loose')}")) == (404, "BLOB_UNKNOWN")
    assert (await images.ask("GET", f"blobs/{DIGEST}")).content == BLOB
    await images.ask("DELETE", f"manifests/{digest_of(manifest(b'{}', BLOB))}")
    assert (await sweep(admin))["blobs of no image"] == 2


async def test_an_index_is_pushed_after_its_manifests(images: Images) -> None:
    await images.image("1.0", BLOB)
    content = index(manifest(b"{}", BLOB))
    assert (await images.put(content, "all", INDEX)).status_code == 201
    assert (await images.ask("GET", "manifests/all")).content == content
