"""Python feeds: what the index tells in each form, what may be published by whom, and versions that never change."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import httpx
import pytest

from tests.api.conftest import Client
from tests.api.seeds import run
from tests.packages import core_metadata, sdist, wheel
from workers.blob_sweep import BlobSweep

pytestmark = pytest.mark.both_databases

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
STATE = "packagePublication { id status failure versionName module { name } files { nodes { filename publishedAt } } }"


class Feed:
    """A project's feed as one token sees it."""

    def __init__(self, client: Client, project: str, path: str) -> None:
        self.client, self.project, self.path = client, project, path

    async def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        auth = ("__token__", self.client.token if token is None else token)
        return await self.client.http.get(self.path + path, headers=headers, auth=auth)

    async def send(
        self, filename: str, content: bytes, token: str | None = None, fields: Mapping[str, str] = NOTHING
    ) -> httpx.Response:
        told = {":action": "file_upload", "protocol_version": "1", **fields}
        bearer = {"Authorization": f"Bearer {self.client.token if token is None else token}"}
        files = {"content": (filename, content)}
        return await self.client.http.post(f"{self.path}/legacy/", data=told, files=files, headers=bearer)

    async def files(self, name: str) -> list[dict[str, Any]]:
        answer = await self.get(f"/simple/{name}/", Accept=JSON)
        return list(answer.json()["files"]) if answer.status_code == 200 else []

    async def upload(self, content: bytes) -> str:
        bearer = {"Authorization": f"Bearer {self.client.token}"}
        return str((await self.client.http.post("/uploads", content=content, headers=bearer)).json()["digest"])

    async def publish(self, filename: str, content: bytes, **more: str) -> dict[str, Any]:
        fields = {"projectId": self.project, "filename": filename, "uploadDigest": await self.upload(content), **more}
        return await self.client.do("publishPackage", STATE, **fields)

    async def worked(self, events: list[dict[str, Any]]) -> None:
        """The worker, to whom it is delivered twice."""
        for _ in range(2):
            await run(self.client.slipway, "PackagePublishWorker", events, "PackagePublicationRequested")

    async def state(self, id: str) -> dict[str, Any]:
        fields = STATE.removeprefix("packagePublication")
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on PackagePublication {fields} }} }}"
        node: dict[str, Any] = (await self.client.ask(query, id=id))["node"]
        return node


@pytest.fixture
async def feed(admin: Client) -> Feed:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    return Feed(admin, project, "/pypi/acme/booking")


async def test_the_json_index_tells_everything_of_each_file(feed: Feed) -> None:
    filename, content = wheel("my_thing", "1.0", "Requires-Python: >=3.8")
    assert (await feed.send(filename, content)).status_code == 200
    answer = await feed.get("/simple/my-thing/", Accept=JSON)
    assert answer.headers["content-type"] == JSON
    (file,) = answer.json()["files"]
    beside = {"sha256": hashlib.sha256(core_metadata("my_thing", "1.0", "Requires-Python: >=3.8")).hexdigest()}
    assert file.pop("upload-time").endswith("Z")
    assert file == {
        "filename": filename,
        "url": f"../../files/{filename}",
        "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
        "size": len(content),
        "requires-python": ">=3.8",
        "core-metadata": beside,
        "dist-info-metadata": beside,
        "yanked": False,
    }
    told = answer.json()
    assert (told["meta"], told["name"], told["versions"]) == ({"api-version": "1.1"}, "my-thing", ["1.0"])


async def test_the_html_index_tells_the_same(feed: Feed) -> None:
    filename, content = wheel("thing", "1.0", "Requires-Python: >=3.8,<4")
    await feed.send(filename, content)
    answer = await feed.get("/simple/thing/")
    beside = hashlib.sha256(core_metadata("thing", "1.0", "Requires-Python: >=3.8,<4")).hexdigest()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    link = f'<a href="../../files/{filename}#sha256={hashlib.sha256(content).hexdigest()}"'
    link += f' data-requires-python="&gt;=3.8,&lt;4" data-core-metadata="sha256={beside}"'
    link += f' data-dist-info-metadata="sha256={beside}">{filename}</a><br>'
    assert link in answer.text.splitlines()


async def test_the_list_of_packages_is_in_order_and_of_what_is_published(feed: Feed) -> None:
    for name in ("zebra", "ant"):
        await feed.send(*wheel(name, "1.0"))
    await feed.publish(*wheel("waiting", "1.0"))
    answer = await feed.get("/simple/", Accept=JSON)
    assert answer.json() == {"meta": {"api-version": "1.1"}, "projects": [{"name": "ant"}, {"name": "zebra"}]}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/html; charset=utf-8"),
        (f"{JSON}, {HTML};q=0.2, text/html;q=0.01", JSON),
        (f"{JSON};q=0.1, {HTML}", HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("text/html;q=nonsense, text/html;q=0.5", "text/html; charset=utf-8"),
        ("image/png", None),
        (f"{JSON};q=0", None),
    ],
)
async def test_the_client_has_the_form_that_it_likes_best(feed: Feed, accept: str, kind: str | None) -> None:
    answer = await feed.get("/simple/", Accept=accept)
    assert answer.status_code == (406 if kind is None else 200)
    assert kind is None or answer.headers["content-type"].startswith(kind)


async def test_what_the_client_has_already_is_not_sent_again(feed: Feed) -> None:
    filename, content = wheel("thing", "1.0")
    await feed.send(filename, content)
    for path in ("/simple/", "/simple/thing/", f"/files/{filename}"):
        first = await feed.get(path)
        again = await feed.get(path, **{"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    etag = (await feed.get("/simple/thing/")).headers["etag"]
    await feed.send(*wheel("thing", "1.1"))
    assert (await feed.get("/simple/thing/", **{"If-None-Match": etag})).status_code == 200


async def test_another_spelling_of_a_name_is_sent_to_the_right_one(feed: Feed) -> None:
    for spelling in ("My_Thing/", "my.thing/", "my-thing"):
        answer = await feed.get(f"/simple/{spelling}")
        assert (answer.status_code, answer.headers["location"]) == (301, "/pypi/acme/booking/simple/my-thing/")


async def test_a_file_and_its_metadata_are_served_as_they_came(feed: Feed) -> None:
    filename, content = wheel("thing", "1.0")
    await feed.send(filename, content)
    assert (await feed.get(f"/files/{filename}")).content == content
    assert (await feed.get(f"/files/{filename}.metadata")).content == core_metadata("thing", "1.0")
    await feed.send(*sdist("thing", "1.0"))
    assert (await feed.get("/files/thing-1.0.tar.gz.metadata")).status_code == 404


async def test_a_foreign_feed_looks_as_an_absent_one(operator: Client, feed: Feed) -> None:
    filename, content = wheel("thing", "1.0")
    await feed.send(filename, content)
    stranger = (await operator.tenant("other")).token
    other = (await feed.client.done("createProject", "project { id }", name="shop"))["project"]["id"]
    limited = (await feed.client.limited(other, ["PACKAGES_PUBLISH"])).token
    for token in (stranger, limited):
        for path in ("/simple/", "/simple/thing/", f"/files/{filename}", f"/files/{filename}.metadata"):
            answer = await feed.get(path, token)
            assert (answer.status_code, answer.text) == (
                404, "project 'acme/booking' does not exist or is out of your sight\n"
            )  # fmt: skip
        assert (await feed.send(*wheel("mine", "1.0"), token)).status_code == 404
    assert await feed.files("mine") == []


async def test_two_projects_have_the_same_version_each_its_own(feed: Feed) -> None:
    await feed.client.done("createProject", "project { id }", name="shop")
    shop = Feed(feed.client, "", "/pypi/acme/shop")
    for one, code in ((feed, b"A = 1\n"), (shop, b"A = 2\n")):
        assert (await one.send(*wheel("thing", "1.0", code=code))).status_code == 200
    assert (await feed.files("thing"))[0]["hashes"] != (await shop.files("thing"))[0]["hashes"]


async def test_who_may_only_read_installs_and_does_not_publish(feed: Feed) -> None:
    reader = (await feed.client.limited(feed.project, ["READ"])).token
    assert (await feed.get("/simple/", reader)).status_code == 200
    answer = await feed.send(*wheel("thing", "1.0"), reader)
    assert answer.status_code == 403
    assert "devops.packages.publish" in answer.text
    answer = await feed.get("/simple/", "nonsense")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="slipway", charset="UTF-8"')


FORMS: dict[str, tuple[dict[str, str], str]] = {
    "another action": ({":action": "doc_upload"}, "only 'file_upload' is served"),
    "another kind": ({"filetype": "sdist"}, "filetype 'sdist' is not what"),
    "another name": ({"name": "other"}, "name 'other' is not that of"),
    "another version": ({"version": "2.0"}, "version '2.0' is not that of"),
    "no version": ({"version": "x"}, "version 'x' is not that of"),
    "another digest": ({"sha256_digest": "0" * 64}, f"not sha256:{'0' * 64}"),
    "no digest": ({"sha256_digest": "x"}, "is not 64 hex digits"),
}


@pytest.mark.parametrize("how", FORMS)
async def test_a_form_that_says_otherwise_than_its_file_is_refused(feed: Feed, how: str) -> None:
    fields, words = FORMS[how]
    answer = await feed.send(*wheel("thing", "1.0"), fields=fields)
    assert answer.status_code == 400
    assert words in answer.text
    assert await feed.files("thing") == []


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


WHOLE = part(":action", b"file_upload") + part("content", wheel("thing", "1.0")[1], wheel("thing", "1.0")[0])
MALFORMED = {
    "cut off": (WHOLE, 400, "it ends too early"),
    "no file": (part(":action", b"file_upload") + b"--b--\r\n", 400, "it has no file"),
    "two files": (WHOLE + part("content", b"x", "y") + b"--b--\r\n", 400, "twice"),
    "no form": (b"hello", 400, "cannot be read"),
    "endless parts": (b"".join(part(f"f{number}", b"") for number in range(1_100)), 413, "over 1,000 parts"),
    "endless fields": (part("description", b"x" * 5_000_000), 413, "over 4,194,304 bytes"),
}


@pytest.mark.parametrize("how", MALFORMED)
async def test_what_is_not_a_whole_form_is_refused(feed: Feed, how: str) -> None:
    body, status, words = MALFORMED[how]
    headers = {"Authorization": f"Bearer {feed.client.token}", "Content-Type": "multipart/form-data; boundary=b"}
    answer = await feed.client.http.post(f"{feed.path}/legacy/", content=body, headers=headers)
    assert answer.status_code == status
    assert words in answer.text
    assert await feed.files("thing") == []


async def test_a_digest_that_comes_after_its_file_counts_too(feed: Feed) -> None:
    headers = {"Authorization": f"Bearer {feed.client.token}", "Content-Type": "multipart/form-data; boundary=b"}
    for digest, status in (("0" * 64, 400), (hashlib.sha256(wheel("thing", "1.0")[1]).hexdigest(), 200)):
        body = WHOLE + part("sha256_digest", digest.encode()) + b"--b--\r\n"
        answer = await feed.client.http.post(f"{feed.path}/legacy/", content=body, headers=headers)
        assert answer.status_code == status


async def test_what_is_too_large_is_refused(feed: Feed) -> None:
    headers = {"Authorization": f"Bearer {feed.client.token}", "Content-Type": "multipart/form-data; boundary=b"}
    headers["Content-Length"] = str(2**40)
    answer = await feed.client.http.post(f"{feed.path}/legacy/", content=b"", headers=headers)
    assert answer.status_code == 413


async def test_an_uploaded_file_is_published_once_a_worker_has_looked_through_it(feed: Feed) -> None:
    filename, content = wheel("thing", "1.0")
    made = await feed.publish(filename, content)
    assert (made["errors"], made["packagePublication"]["status"]) == ([], "PENDING")
    assert [event["eventType"] for event in made["events"]] == ["PackagePublicationRequested"]
    assert await feed.files("thing") == []
    assert (await feed.get(f"/files/{filename}")).status_code == 404
    await feed.worked(made["events"])
    state = await feed.state(made["packagePublication"]["id"])
    assert (state["status"], [file["filename"] for file in state["files"]["nodes"]]) == ("PUBLISHED", [filename])
    assert [file["filename"] for file in await feed.files("thing")] == [filename]


async def test_a_file_that_is_refused_says_why_and_a_better_one_takes_its_name(feed: Feed) -> None:
    filename, content = wheel("thing", "1.0")
    made = await feed.publish(filename, b"not a wheel at all, but long enough")
    await feed.worked(made["events"])
    state = await feed.state(made["packagePublication"]["id"])
    assert (state["status"], state["files"]["nodes"]) == ("FAILED", [])
    assert state["failure"] == f"{filename} does not end as a zip without a comment does"
    better = await feed.publish(filename, content)
    assert better["packagePublication"]["id"] == made["packagePublication"]["id"]
    await feed.worked(better["events"])
    state = await feed.state(made["packagePublication"]["id"])
    assert (state["status"], state["failure"]) == ("PUBLISHED", None)


async def test_publishing_the_same_again_changes_nothing_and_another_content_is_a_conflict(feed: Feed) -> None:
    filename, content = wheel("thing", "1.0")
    await feed.send(filename, content)
    again = await feed.publish(filename, content)
    assert (again["errors"], again["events"]) == ([], [])
    assert again["packagePublication"]["status"] == "PUBLISHED"
    other = await feed.publish(*wheel("thing", "1.0", code=b"A = 0\n"))
    assert [(error["code"], error["field"]) for error in other["errors"]] == [("CONFLICT", "filename")]
    assert (await feed.get(f"/files/{filename}")).content == content


async def test_what_was_never_uploaded_or_is_no_package_is_refused(feed: Feed) -> None:
    fields = {"projectId": feed.project, "filename": "thing-1.0.tar.gz", "uploadDigest": f"sha256:{'0' * 64}"}
    made = await feed.client.do("publishPackage", "packagePublication { id }", **fields)
    assert [(error["code"], error["field"]) for error in made["errors"]] == [("NOT_FOUND", "uploadDigest")]
    made = await feed.publish("thing.exe", b"MZ")
    assert [(error["code"], error["field"]) for error in made["errors"]] == [("INVALID_INPUT", "filename")]


async def test_a_version_is_of_the_module_that_names_its_package(feed: Feed) -> None:
    fields = {"kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0", "packageName": "My.Thing"}
    module = (await feed.client.done("registerModule", "module { id }", projectId=feed.project, name="m", **fields))[
        "module"
    ]
    await feed.send(*wheel("my_thing", "1.0"))
    query = "query($id: ID!) { node(id: $id) { ... on Module { packages { nodes { name versionName } } } } }"
    found = (await feed.client.ask(query, id=module["id"]))["node"]["packages"]["nodes"]
    assert found == [{"name": "my-thing", "versionName": "1.0"}]


async def test_an_unlisted_version_is_yanked_in_the_index_and_stays(feed: Feed) -> None:
    filename, content = wheel("thing", "1.0")
    await feed.send(filename, content)
    query = '{ project(name: "booking") { packages { nodes { id } } } }'
    (one,) = (await feed.client.ask(query))["project"]["packages"]["nodes"]
    fields = {"packagePublicationId": one["id"], "reason": 'it <"hangs">'}
    made = await feed.client.done("unlistPackage", STATE, **fields)
    assert made["packagePublication"]["status"] == "UNLISTED"
    assert [event["eventType"] for event in made["events"]] == ["PackageUnlisted"]
    assert (await feed.client.done("unlistPackage", STATE, **fields))["events"] == []
    assert [file["yanked"] for file in await feed.files("thing")] == ['it <"hangs">']
    assert 'data-yanked="it &lt;&quot;hangs&quot;&gt;"' in (await feed.get("/simple/thing/")).text
    assert (await feed.get(f"/files/{filename}")).content == content
    assert (await feed.send(filename, content)).status_code == 200
    assert (await feed.state(one["id"]))["status"] == "UNLISTED"


async def test_what_waits_cannot_be_unlisted(feed: Feed) -> None:
    made = await feed.publish(*wheel("thing", "1.0"))
    one = made["packagePublication"]["id"]
    made = await feed.client.do("unlistPackage", "packagePublication { id }", packagePublicationId=one)
    assert [error["code"] for error in made["errors"]] == ["PRECONDITION_FAILED"]


async def test_the_sweep_of_blobs_leaves_what_is_published(feed: Feed) -> None:
    filename, content = wheel("thing", "1.0")
    await feed.send(filename, content)
    await feed.send("thing-1.1-py3-none-any.whl", b"no package, but a blob")
    providers = feed.client.slipway.providers
    removed = await BlobSweep(feed.client.slipway.database, providers.blobs).drop(timedelta(seconds=-5), 100)
    assert removed == 1
    assert (await feed.get(f"/files/{filename}")).content == content
    assert (await feed.get(f"/files/{filename}.metadata")).status_code == 200
