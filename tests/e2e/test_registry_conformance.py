"""What the official conformance tests of OCI Distribution 1.1 ask of a registry, over a real socket."""

import hashlib
import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.conftest import Site
from tests.e2e.registries import CONFIG, INDEX, MANIFEST, Images, code, described, digest_of, index, manifest

pytestmark = pytest.mark.asyncio(loop_scope="module")
_numbers = count(1)
BLOB = bytes(range(256)) * 4


@pytest_asyncio.fixture(loop_scope="module")
async def images(site: Site) -> Images:
    return Images(site.admin, f"acme/booking/conformance/r{next(_numbers)}")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_blob_is_pushed_by_post_alone(images: Images, algorithm: str) -> None:
    digest = digest_of(BLOB, algorithm)
    answer = await images.ask("POST", f"blobs/uploads/?digest={digest}", BLOB)
    assert (answer.status_code, answer.headers["location"]) == (201, f"{images.path}/blobs/{digest}")
    pulled = await images.ask("GET", answer.headers["location"])
    assert (pulled.status_code, pulled.content) == (200, BLOB)
    assert pulled.headers["docker-content-digest"] == digest
    head = await images.ask("HEAD", f"blobs/{digest}")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(BLOB)), b"")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("content", [BLOB, b""])
async def test_a_blob_is_pushed_by_post_and_put(images: Images, content: bytes, algorithm: str) -> None:
    digest = digest_of(content, algorithm)
    location = await images.begun()
    answer = await images.ask("PUT", f"{location}?digest={digest}", content)
    assert (answer.status_code, answer.headers["location"]) == (201, f"{images.path}/blobs/{digest}")
    assert (await images.ask("GET", f"blobs/{digest}")).content == content
    assert code(await images.ask("PUT", f"{location}?digest={digest}", content)) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("last", ["PATCH", "PUT"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_blob_is_pushed_in_chunks(images: Images, last: str, algorithm: str) -> None:
    location, digest = await images.begun(), digest_of(BLOB, algorithm)
    for start, end in ((0, 400), (400, 800)):
        answer = await images.ask("PATCH", location, BLOB[start:end], content_range=f"{start}-{end - 1}")
        assert (answer.status_code, answer.headers["range"]) == (202, f"0-{end - 1}")
        location = answer.headers["location"]
    rest: dict[str, Any] = {"content": BLOB[800:], "content_range": f"800-{len(BLOB) - 1}"}
    if last == "PATCH":
        assert (await images.ask("PATCH", location, **rest)).status_code == 202
        rest = {}
    assert (await images.ask("PUT", f"{location}?digest={digest}", **rest)).status_code == 201
    assert (await images.ask("GET", f"blobs/{digest}")).content == BLOB


async def test_a_blob_is_pushed_as_one_stream_of_no_told_length(images: Images) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(BLOB), 100):
            yield BLOB[start : start + 100]

    location = await images.begun()
    answer = await images.ask("PATCH", location, stream())
    assert (answer.status_code, answer.headers["range"]) == (202, f"0-{len(BLOB) - 1}")
    assert (await images.ask("PUT", f"{location}?digest={digest_of(BLOB)}")).status_code == 201


@pytest.mark.parametrize("asked", ["400-499", "600-699", "0-399", "1-399"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_chunk_out_of_order_is_416_and_says_where_the_upload_stands(
    images: Images, method: str, asked: str
) -> None:
    location = await images.begun()
    await images.ask("PATCH", location, BLOB[:500], content_range="0-499")
    start, end = map(int, asked.split("-"))
    address = location if method == "PATCH" else f"{location}?digest={digest_of(BLOB)}"
    answer = await images.ask(method, address, BLOB[start : end + 1], content_range=asked)
    assert code(answer) == (416, "BLOB_UPLOAD_INVALID")
    assert (answer.headers["location"], answer.headers["range"]) == (location, "0-499")
    assert (await images.ask("PATCH", location, BLOB[500:], content_range="500-1023")).status_code == 202
    assert (await images.ask("PUT", f"{location}?digest={digest_of(BLOB)}")).status_code == 201


async def test_an_upload_tells_where_it_stands_through_any_address_that_was_told(images: Images) -> None:
    first = await images.begun()
    second = (await images.ask("PATCH", first, BLOB[:100], content_range="0-99")).headers["location"]
    await images.ask("PATCH", second, BLOB[100:300], content_range="100-299")
    for location in (first, second):
        answer = await images.ask("GET", location)
        assert (answer.status_code, answer.headers["range"]) == (204, "0-299")
        assert answer.headers["location"] == first


async def test_a_wrong_digest_is_400_and_nothing_is_kept(images: Images) -> None:
    wrong, location = digest_of(b"other"), await images.begun()
    assert code(await images.ask("PUT", f"{location}?digest={wrong}", BLOB)) == (400, "DIGEST_INVALID")
    assert code(await images.ask("POST", f"blobs/uploads/?digest={wrong}", BLOB)) == (400, "DIGEST_INVALID")
    assert code(await images.ask("GET", f"blobs/{wrong}")) == (404, "BLOB_UNKNOWN")
    assert code(await images.ask("GET", f"blobs/{digest_of(BLOB)}")) == (404, "BLOB_UNKNOWN")
    assert code(await images.ask("GET", location)) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("digest", ["", "sha256:abc", "md5:" + "0" * 32, "sha256:" + "G" * 64, "sha512:" + "0" * 64])
async def test_a_digest_that_is_none_is_400(images: Images, digest: str) -> None:
    location = await images.begun()
    assert code(await images.ask("PUT", f"{location}?digest={digest}", BLOB)) == (400, "DIGEST_INVALID")
    if digest:
        assert code(await images.ask("GET", f"blobs/{digest}")) == (400, "DIGEST_INVALID")
        assert code(await images.put(manifest(b"{}"), digest)) == (400, "DIGEST_INVALID")


async def test_a_cancelled_upload_is_gone(images: Images) -> None:
    location = await images.begun()
    await images.ask("PATCH", location, BLOB[:100], content_range="0-99")
    assert (await images.ask("DELETE", location)).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert code(await images.ask(method, location)) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("query", ["", "&from={name}"])
async def test_a_blob_is_mounted_from_where_it_is(images: Images, query: str) -> None:
    content = hashlib.sha256(f"{images.name}{query}".encode()).digest()
    digest, other = await images.push(content), images.named(f"{images.name}-other")
    answer = await other.ask("POST", f"blobs/uploads/?mount={digest}{query.format(name=images.name)}")
    assert (answer.status_code, answer.headers["location"]) == (201, f"{other.path}/blobs/{digest}")
    assert (await other.ask("GET", answer.headers["location"])).content == content


async def test_what_cannot_be_mounted_begins_an_upload(images: Images) -> None:
    digest = digest_of(images.name.encode())
    for source in (images.name, "acme/absent/x", "nobody/booking/x", "no", "acme/booking/NO"):
        answer = await images.ask("POST", f"blobs/uploads/?mount={digest}&from={source}")
        assert answer.status_code == 202
        put = await images.ask("PUT", f"{answer.headers['location']}?digest={digest}", images.name.encode())
        assert put.status_code == 201
        assert (await images.ask("DELETE", f"blobs/{digest}")).status_code == 202


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("0-9", 0, 10), ("10-", 10, 1024), ("-7", 1017, 1024), ("1000-5000", 1000, 1024), ("-5000", 0, 1024)],
)
async def test_a_range_of_a_blob_is_206(images: Images, asked: str, start: int, end: int) -> None:
    digest = await images.push(BLOB)
    answer = await images.ask("GET", f"blobs/{digest}", range=f"bytes={asked}")
    assert (answer.status_code, answer.content) == (206, BLOB[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/1024"


@pytest.mark.parametrize("asked", ["500-0", "1024-", "2000-3000", "-0"])
async def test_a_range_that_is_not_within_the_blob_is_416(images: Images, asked: str) -> None:
    digest = await images.push(BLOB)
    answer = await images.ask("GET", f"blobs/{digest}", range=f"bytes={asked}")
    assert code(answer) == (416, "SIZE_INVALID")
    assert answer.headers["content-range"] == "bytes */1024"


@pytest.mark.parametrize("headers", [{"range": "lines=1-2"}, {"range": "bytes=1-2", "if_range": '"another"'}])
async def test_another_unit_or_version_is_answered_with_the_whole(images: Images, headers: dict[str, str]) -> None:
    digest = await images.push(BLOB)
    answer = await images.ask("GET", f"blobs/{digest}", **headers)
    assert (answer.status_code, answer.content) == (200, BLOB)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_manifest_comes_back_in_its_own_bytes_and_type(images: Images, algorithm: str) -> None:
    for blob in (b"{}", BLOB):
        await images.push(blob, algorithm)
    content = b"  " + manifest(b"{}", BLOB, algorithm=algorithm, unknown=[{"data": 1.50}]) + b"\n"
    digest = digest_of(content, algorithm)
    answer = await images.put(content, digest)
    assert (answer.status_code, answer.headers["location"]) == (201, f"{images.path}/manifests/{digest}")
    assert "oci-subject" not in answer.headers
    for method in ("GET", "HEAD"):
        got = await images.ask(method, f"manifests/{digest}")
        assert (got.status_code, got.content) == (200, content if method == "GET" else b"")
        assert (got.headers["content-type"], got.headers["docker-content-digest"]) == (MANIFEST, digest)
        assert got.headers["content-length"] == str(len(content))


async def test_a_tag_is_moved_by_the_next_push(images: Images) -> None:
    first, second = await images.image("1.0", b"one"), await images.image("1.0", b"two")
    assert (await images.ask("GET", "manifests/1.0")).headers["docker-content-digest"] == second
    assert (await images.ask("HEAD", f"manifests/{first}")).status_code == 200


async def test_a_manifest_is_tagged_as_it_is_pushed_by_digest(images: Images) -> None:
    await images.push(b"{}")
    content = manifest(b"{}")
    answer = await images.ask(
        "PUT", f"manifests/{digest_of(content)}?tag=1&tag=1.2&tag=latest", content, content_type=MANIFEST
    )
    assert (answer.status_code, answer.headers["oci-tag"]) == (201, "1, 1.2, latest")
    assert (await images.ask("GET", "tags/list")).json()["tags"] == ["1", "1.2", "latest"]
    assert (await images.ask("GET", "manifests/1.2")).content == content


async def test_manifests_without_layers_with_data_or_nested_pass(images: Images) -> None:
    await images.push(b"{}")
    foreign = described(b"elsewhere", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", urls=["http://x"])
    inner = manifest(b"{}", layers=[foreign], config=described(b"{}", CONFIG, data="e30="))
    assert (await images.put(inner)).status_code == 201
    middle = index(inner)
    assert (await images.put(middle, media_type=INDEX)).status_code == 201
    outer = json.dumps({"schemaVersion": 2, "manifests": [described(middle, INDEX)]}).encode()
    assert (await images.put(outer, "nested", INDEX)).status_code == 201
    got = await images.ask("GET", "manifests/nested")
    assert (got.content, got.headers["content-type"]) == (outer, INDEX)
    assert (await images.put(index(), media_type=INDEX)).status_code == 201


async def test_a_manifest_names_only_what_the_repository_has(images: Images) -> None:
    await images.push(b"{}")
    await images.named(f"{images.name}-other").push(BLOB)
    content = manifest(b"{}", BLOB)
    assert code(await images.put(content, "1.0")) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert code(await images.put(index(content), media_type=INDEX)) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert code(await images.ask("GET", "manifests/1.0")) == (404, "MANIFEST_UNKNOWN")
    assert code(await images.ask("GET", f"manifests/{digest_of(content)}")) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b"nul", b"[" * 100_000, b'{"schemaVersion": 1}', manifest(b"{}", layers={}),
        manifest(b"{}", config={}), manifest(b"{}", layers=[{"digest": "sha256:1"}]), manifest(b"{}", subject="x"),
        manifest(b"{}", mediaType=INDEX), manifest(b"{}", subject=described(b"s", MANIFEST), annotations={"a": 1}),
        manifest(b"{}", artifactType=["x"]), manifest(b"{}", artifactType="\0"), manifest(b"{}", artifactType="\ud800"),
    ],
)  # fmt: skip
async def test_what_is_no_manifest_is_told(images: Images, content: bytes) -> None:
    assert code(await images.put(content, "bad")) == (400, "MANIFEST_INVALID")


async def test_a_manifest_over_four_megabytes_is_413_and_a_large_one_passes(images: Images) -> None:
    await images.push(b"{}")
    notes = {f"large-{number}": "A" * 10_000 for number in range(390)}
    large = manifest(b"{}", annotations=notes, subject=described(b"s", MANIFEST))
    for content in (large, large + b" "):
        assert (await images.put(content)).status_code == 201
    listed = [one async for one in _referrers(images, digest_of(b"s"))]
    assert [one["digest"] for one in listed] == sorted([digest_of(large), digest_of(large + b" ")])
    assert code(await images.put(large + b" " * 400_000)) == (413, "SIZE_INVALID")


async def _referrers(images: Images, digest: str, query: str = "") -> AsyncIterator[dict[str, Any]]:
    """Over all pages."""
    path: str | None = f"referrers/{digest}{query}"
    while path is not None:
        answer = await images.ask("GET", path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, INDEX)
        assert {name: value for name, value in answer.json().items() if name != "manifests"} == {
            "schemaVersion": 2,
            "mediaType": INDEX,
        }
        for one in answer.json()["manifests"]:
            yield one
        path = answer.links["next"]["url"] if "next" in answer.links else None


async def test_referrers_are_told_with_annotations_and_filtered(images: Images) -> None:
    subject = described(images.name.encode(), MANIFEST)
    assert [one async for one in _referrers(images, subject["digest"])] == []
    await images.push(b"{}")
    typed = manifest(b"{}", subject=subject, artifactType="application/x.sbom", annotations={"a": "b"})
    plain = manifest(b"{}", subject=subject)
    listed = index(subject=subject, annotations={"c": "d"})
    for content, media_type in ((typed, MANIFEST), (plain, MANIFEST), (listed, INDEX)):
        answer = await images.put(content, media_type=media_type)
        assert (answer.status_code, answer.headers["oci-subject"]) == (201, subject["digest"])
    told = [
        described(typed, MANIFEST, artifactType="application/x.sbom", annotations={"a": "b"}),
        described(plain, MANIFEST, artifactType=CONFIG),
        described(listed, INDEX, annotations={"c": "d"}),
    ]
    found = [one async for one in _referrers(images, subject["digest"])]
    assert found == sorted(told, key=lambda one: one["digest"])
    answer = await images.ask("GET", f"referrers/{subject['digest']}?artifactType=application/x.sbom")
    assert (answer.json()["manifests"], answer.headers["oci-filters-applied"]) == ([told[0]], "artifactType")
    assert (await images.ask("DELETE", f"manifests/{digest_of(typed)}")).status_code == 202
    assert len([one async for one in _referrers(images, subject["digest"])]) == 2


async def test_many_referrers_are_told_in_pages(images: Images) -> None:
    subject = described(b"many", MANIFEST)
    await images.push(b"{}")
    pushed = [manifest(b"{}", subject=subject, annotations={"n": str(number)}) for number in range(60)]
    for content in pushed:
        await images.put(content)
    found = [one["digest"] async for one in _referrers(images, subject["digest"], f"?artifactType={CONFIG}")]
    assert found == sorted(map(digest_of, pushed))


async def test_tags_are_listed_by_their_bytes_in_pages(images: Images) -> None:
    await images.push(b"{}")
    for tag in ("b", "a", "B", "_x", "10", "9", "a.1", "a-1"):
        assert (await images.put(manifest(b"{}"), tag)).status_code == 201
    ordered = ["10", "9", "B", "_x", "a", "a-1", "a.1", "b"]
    assert (await images.ask("GET", "tags/list")).json() == {"name": images.name, "tags": ordered}
    path, found = "tags/list?n=3", []
    for size in (3, 3, 2):
        answer = await images.ask("GET", path)
        assert len(answer.json()["tags"]) == size
        found += answer.json()["tags"]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert (found, path) == (ordered, "")
    assert (await images.ask("GET", "tags/list?last=_x")).json()["tags"] == ordered[4:]
    answer = await images.ask("GET", "tags/list?n=0")
    assert (answer.json()["tags"], "link" in answer.headers) == ([], False)
    assert code(await images.ask("GET", "tags/list?n=-1")) == (400, "NAME_INVALID")


async def test_a_deleted_tag_is_gone_at_once_and_its_manifest_stays(images: Images) -> None:
    digest = await images.image("1.0", BLOB)
    assert (await images.ask("DELETE", "manifests/1.0")).status_code == 202
    for method in ("GET", "DELETE"):
        assert code(await images.ask(method, "manifests/1.0")) == (404, "MANIFEST_UNKNOWN")
    assert (await images.ask("GET", f"manifests/{digest}")).status_code == 200


async def test_a_deleted_manifest_is_gone_at_once_with_its_tags(images: Images) -> None:
    digest = await images.image("1.0", BLOB)
    assert (await images.ask("DELETE", f"manifests/{digest}")).status_code == 202
    for reference in ("1.0", digest):
        assert code(await images.ask("GET", f"manifests/{reference}")) == (404, "MANIFEST_UNKNOWN")
    assert code(await images.ask("DELETE", f"manifests/{digest}")) == (404, "MANIFEST_UNKNOWN")
    assert (await images.ask("GET", "tags/list")).json()["tags"] == []


async def test_a_blob_is_deleted_once_no_manifest_names_it(images: Images) -> None:
    digest, blob = await images.image("1.0", BLOB), digest_of(BLOB)
    assert code(await images.ask("DELETE", f"blobs/{blob}")) == (405, "UNSUPPORTED")
    await images.ask("DELETE", f"manifests/{digest}")
    assert (await images.ask("DELETE", f"blobs/{blob}")).status_code == 202
    assert (await images.ask("HEAD", f"blobs/{blob}")).status_code == 404
    assert code(await images.ask("DELETE", f"blobs/{blob}")) == (404, "BLOB_UNKNOWN")


async def test_a_repository_that_has_nothing_is_unknown(images: Images) -> None:
    assert code(await images.ask("GET", "tags/list")) == (404, "NAME_UNKNOWN")
    assert code(await images.ask("GET", "manifests/latest")) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("tag", [".x", "-x", "a" * 129, "a b"])
async def test_what_is_no_tag_is_told(images: Images, tag: str) -> None:
    assert code(await images.put(manifest(b"{}"), tag)) == (400, "NAME_INVALID")
