"""Python packages with stock pip, uv and twine against a served feed, and what survives a kill."""

import asyncio
import contextlib
import hashlib
import os
import sys
import zipfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import httpx
import pytest
import pytest_asyncio

from storage.tables.operations import EventRow
from tests.e2e.children import Child, ask
from tests.e2e.conftest import Site
from tests.e2e.served import Ran
from tests.e2e.test_uploads import GROWS_KIB, Uploading, started
from tests.e2e.wholeness import Folder
from tests.packages import recorded, sdist, wheel, wheel_files, zipped

pytestmark = pytest.mark.asyncio(loop_scope="module")
_BIN: Final = Path(sys.executable).parent
_numbers = count(1)


async def run(*arguments: str, at: Path) -> Ran:
    """A stock client with nobody's settings."""
    home = {"HOME": str(at), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "NO_PROXY": "127.0.0.1"}
    home |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    home |= {
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "UV_CACHE_DIR": str(at / "uv"),
        "COLUMNS": "200",
    }
    home |= {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=at, env=home, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 90)
    return Ran(process.returncode or 0, out.decode(), err.decode())


@dataclass(frozen=True)
class Feed:
    """A project's feed, with a folder to run clients in."""

    site: Site
    url: str
    token: str
    folder: Path

    @property
    def index(self) -> str:
        return self.url.replace("://", f"://__token__:{self.token}@") + "/simple/"

    def write(self, filename: str, content: bytes) -> str:
        (self.folder / filename).write_bytes(content)
        return str(self.folder / filename)

    async def twine(self, *paths: str) -> Ran:
        where = ("--repository-url", f"{self.url}/legacy/", "-u", "__token__", "-p", self.token)
        return await run(
            str(_BIN / "twine"), "upload", "--non-interactive", "--verbose", *where, *paths, at=self.folder
        )

    async def uv(self, *arguments: str) -> Ran:
        return await run(str(_BIN / "uv"), *arguments, at=self.folder)

    async def fresh(self) -> Path:
        """The Python of a new environment without anything in it."""
        place = self.folder / f"venv{next(_numbers)}"
        made = await run(sys.executable, "-m", "venv", "--without-pip", str(place), at=self.folder)
        assert made.code == 0, made.err
        return place / "bin" / "python"

    async def pip(self, python: Path, *wanted: str) -> Ran:
        pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--no-cache-dir")
        return await run(*pip, "--index-url", self.index, *wanted, at=self.folder)

    async def post(self, name: str, version: str, filename: str, content: bytes, **fields: str) -> httpx.Response:
        told = {":action": "file_upload", "protocol_version": "1", "name": name, "version": version, **fields}
        files = {"content": (filename, content)}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            return await http.post(f"{self.url}/legacy/", data=told, files=files, auth=("__token__", self.token))

    async def listed(self, name: str) -> dict[str, str]:
        """The sha256 of each file that is listed, by its name."""
        accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            answer = await http.get(f"{self.url}/simple/{name}/", headers=accept, auth=("__token__", self.token))
        if answer.status_code == 404:
            return {}
        return {file["filename"]: file["hashes"]["sha256"] for file in answer.json()["files"]}


@pytest_asyncio.fixture(loop_scope="module")
async def feed(site: Site, tmp_path: Path) -> Feed:
    name = f"feed{next(_numbers)}"
    await site.admin.done("createProject", "project { id }", name=name)
    return Feed(site, f"{site.admin.url}/pypi/acme/{name}", site.admin.token, tmp_path)


async def test_what_twine_uploads_pip_installs_into_a_fresh_environment(feed: Feed) -> None:
    paths = [feed.write(*wheel("my_thing", "1.0", "Requires-Python: >=3.8")), feed.write(*sdist("my_thing", "1.0"))]
    sent = await feed.twine(*paths)
    assert sent.code == 0, sent.out + sent.err
    python = await feed.fresh()
    installed = await feed.pip(python, "My.Thing==1.0")
    assert installed.code == 0, installed.err
    ran = await run(str(python), "-c", "import my_thing; print(my_thing.ANSWER)", at=feed.folder)
    assert ran.out == "42\n"


async def test_what_uv_publishes_uv_installs(feed: Feed) -> None:
    path = feed.write(*wheel("thing", "2.0"))
    where = ("--publish-url", f"{feed.url}/legacy/", "--token", feed.token)
    sent = await feed.uv("publish", *where, path)
    assert sent.code == 0, sent.err
    python = await feed.fresh()
    installed = await feed.uv("pip", "install", "--python", str(python), "--default-index", feed.index, "thing")
    assert installed.code == 0, installed.err
    ran = await run(str(python), "-c", "import thing; print(thing.ANSWER)", at=feed.folder)
    assert ran.out == "42\n"


async def test_pip_passes_a_yanked_version_over_and_takes_it_when_it_is_pinned(feed: Feed) -> None:
    for version in ("1.0", "1.1"):
        name, content = wheel("thing", version)
        assert (await feed.post("thing", version, name, content)).status_code == 200
    query = (
        "query($f: PackagePublicationFilter) { packagePublications(filter: $f) { nodes { id project: projectId } } }"
    )
    found = await feed.site.admin.ask(query, f={"name": ["thing"], "versionName": ["1.1"]})
    newest = found["packagePublications"]["nodes"][-1]["id"]
    await feed.site.admin.done(
        "unlistPackage", "packagePublication { status }", packagePublicationId=newest, reason="it hangs"
    )
    free = await feed.pip(await feed.fresh(), "thing")
    assert "Successfully installed thing-1.0" in free.out, free.err
    pinned = await feed.pip(await feed.fresh(), "thing==1.1")
    assert "Successfully installed thing-1.1" in pinned.out, pinned.err
    assert "it hangs" in pinned.err


async def test_the_same_file_again_passes_and_another_under_its_name_does_not(feed: Feed) -> None:
    path = feed.write(*wheel("thing", "1.0"))
    assert (await feed.twine(path)).code == 0
    assert (await feed.twine(path)).code == 0
    before = await feed.listed("thing")
    feed.write(*wheel("thing", "1.0", code=b"ANSWER = 43\n"))
    refused = await feed.twine(path)
    assert refused.code != 0
    assert "409" in refused.out + refused.err
    assert await feed.listed("thing") == before


async def test_of_two_that_publish_one_version_at_once_one_wins(feed: Feed) -> None:
    name = wheel("thing", "1.0")[0]
    contents = [wheel("thing", "1.0", code=f"ANSWER = {number}\n".encode())[1] for number in range(4)]
    answers = await asyncio.gather(*(feed.post("thing", "1.0", name, content) for content in contents))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    won = next(content for content, answer in zip(contents, answers, strict=True) if answer.status_code == 200)
    assert await feed.listed("thing") == {name: hashlib.sha256(won).hexdigest()}


async def test_one_file_published_by_many_at_once_passes_for_all(feed: Feed) -> None:
    name, content = wheel("thing", "1.0")
    answers = await asyncio.gather(*(feed.post("thing", "1.0", name, content) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert await feed.listed("thing") == {name: hashlib.sha256(content).hexdigest()}


async def test_an_upload_whose_digest_is_another_is_refused(feed: Feed) -> None:
    name, content = wheel("thing", "1.0")
    answer = await feed.post("thing", "1.0", name, content, sha256_digest="0" * 64)
    assert (answer.status_code, await feed.listed("thing")) == (400, {})
    assert hashlib.sha256(content).hexdigest() in answer.text


async def test_pip_without_a_token_is_told_that_it_needs_one(feed: Feed) -> None:
    pip = (sys.executable, "-m", "pip", "download", "--no-cache-dir", "--index-url", f"{feed.url}/simple/", "thing")
    ran = await run(*pip, at=feed.folder)
    assert ran.code != 0
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{feed.url}/simple/")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="slipway", charset="UTF-8"')


@pytest.mark.parametrize("failpoint", ["commit:before", "commit:after"])
async def test_killed_around_the_row_the_same_upload_passes_again(failpoint: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = Child(data, {"SLIPWAY_DRAIN_SECONDS": "0"})
    assert await server.ready()
    query = 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
    token = (await ask(server.url, server.token(), query))["createTenant"]["token"]
    await ask(server.url, token, 'mutation { createProject(input: {name: "booking"}) { project { id } } }')
    server.end()
    name, content = wheel("thing", "1.0")
    told = {":action": "file_upload", "name": "thing", "version": "1.0"}
    server = Child(data, {"SLIPWAY_FAILPOINT": failpoint})
    assert await server.ready()
    async with httpx.AsyncClient(trust_env=False, auth=("__token__", token), timeout=30) as http:
        with pytest.raises(httpx.TransportError):
            await http.post(f"{server.url}/pypi/acme/booking/legacy/", data=told, files={"content": (name, content)})
        server = Child(data, {"SLIPWAY_DRAIN_SECONDS": "0"})
        assert await server.ready()
        try:
            url = f"{server.url}/pypi/acme/booking"
            before = await http.get(f"{url}/files/{name}")
            assert before.status_code == (404 if failpoint == "commit:before" else 200)
            again = await http.post(f"{url}/legacy/", data=told, files={"content": (name, content)})
            assert again.status_code == 200
            assert (await http.get(f"{url}/files/{name}")).content == content
        finally:
            server.end()


@pytest.mark.parametrize("failpoint", ["dispatch:after", "act:before", "act:after", "effect:before", "effect:after"])
async def test_a_worker_that_is_killed_publishes_once(failpoint: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = Child(data, {"SLIPWAY_FAILPOINT": failpoint})
    assert await server.ready()
    query = 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
    token = (await ask(server.url, server.token(), query))["createTenant"]["token"]
    query = 'mutation { createProject(input: {name: "booking"}) { project { id } } }'
    project = (await ask(server.url, token, query))["createProject"]["project"]["id"]
    name, content = wheel("thing", "1.0")
    async with httpx.AsyncClient(trust_env=False, auth=("__token__", token), timeout=30) as http:
        bearer = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(trust_env=False, headers=bearer) as uploading:
            sent = await uploading.post(f"{server.url}/uploads", content=content)
        fields = {"projectId": project, "filename": name, "uploadDigest": sent.json()["digest"]}
        query = "mutation($i: PublishPackageInput!) { publishPackage(input: $i) { errors { code } } }"
        with contextlib.suppress(httpx.TransportError):  # it may be quicker than the answer
            await ask(server.url, token, query, i=fields)
        await ended(server)
        server = Child(data, {"SLIPWAY_DRAIN_SECONDS": "0"})
        assert await server.ready()
        try:
            for _ in range(200):
                if (answer := await http.get(f"{server.url}/pypi/acme/booking/files/{name}")).status_code == 200:
                    break
                await asyncio.sleep(0.1)
            assert answer.content == content
        finally:
            server.end()
    looked = Folder(data)
    told = [row.event_type for row in await looked.rows(EventRow)]
    await looked.close()
    assert told.count("PackagePublished") == 1


async def test_a_large_wheel_goes_to_the_disk_and_to_pip_without_being_held(tmp_path: Path) -> None:
    server, token = await started(tmp_path / "data")
    measured = Uploading(server, tmp_path / "data", token)
    path = large_wheel(tmp_path / "thing-1.0-py3-none-any.whl")
    try:
        await measured.ask('mutation { createProject(input: {name: "booking"}) { project { id } } }')
        url = f"{server.url}/pypi/acme/booking"
        measured.rest()
        twine = ("upload", "--non-interactive", "--repository-url", f"{url}/legacy/", "-u", "t", "-p", token)
        sent = await run(str(_BIN / "twine"), *twine, str(path), at=tmp_path)
        assert sent.code == 0, sent.out + sent.err
        pip = ("download", "--no-cache-dir", "--index-url", url.replace("://", f"://t:{token}@") + "/simple/", "thing")
        ran = await run(sys.executable, "-m", "pip", *pip, "-d", "down", at=tmp_path)
        assert ran.code == 0, ran.err
        assert measured.peak() < GROWS_KIB
        assert (tmp_path / "down" / path.name).read_bytes() == path.read_bytes()
    finally:
        await measured.http.aclose()
        server.end()


async def ended(server: Child) -> None:
    for _ in range(600):
        if server.code() is not None:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it does not die")


def large_wheel(path: Path) -> Path:
    """100 MB in one file that does not compress."""
    files = {name: held for name, held in wheel_files("thing", "1.0").items() if not name.endswith("RECORD")}
    files["thing/large.bin"] = os.urandom(100_000_000)
    path.write_bytes(
        zipped(files | {"thing-1.0.dist-info/RECORD": recorded(files, "thing-1.0.dist-info")}, zipfile.ZIP_STORED)
    )
    return path
