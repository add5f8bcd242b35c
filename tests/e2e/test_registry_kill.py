"""Pushes that kill -9 or a client's end cuts off: nothing half is served, and what came may be gone on with."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.children import Child, ask
from tests.e2e.registries import MANIFEST, digest_of, manifest

BLOB = os.urandom(3_000_000)
DIGEST = digest_of(BLOB)
PATH = "/v2/acme/booking/app"


class Pushing:
    """One data folder, whose server dies and starts again."""

    def __init__(self, data: Path) -> None:
        self.data, self.server, self.token = data, Child(data, {"SLIPWAY_DRAIN_SECONDS": "0"}), ""

    async def found(self) -> None:
        assert await self.server.ready(), self.server.told.read_text()
        query = 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
        self.token = (await ask(self.server.url, self.server.token(), query))["createTenant"]["token"]
        await ask(
            self.server.url, self.token, 'mutation { createProject(input: {name: "booking"}) { project { id } } }'
        )

    async def again(self, failpoint: str | None = None) -> None:
        if self.server.code() is None:
            self.server.end()
        armed = {} if failpoint is None else {"SLIPWAY_FAILPOINT": failpoint}
        self.server = Child(self.data, {"SLIPWAY_DRAIN_SECONDS": "0"} | armed)
        assert await self.server.ready(), self.server.told.read_text()

    async def ask(self, method: str, path: str, content: Any = None, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.server.url, timeout=30, trust_env=False) as http:
            url = path if path.startswith("/") else f"{PATH}/{path}"
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await http.request(method, url, content=content, headers=named, auth=("anyone", self.token))

    async def dies(self, method: str, path: str, content: Any = None, **headers: str) -> None:
        with pytest.raises(httpx.TransportError):
            await self.ask(method, path, content, **headers)
        for _ in range(200):
            if self.server.code() is not None:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it was to die")

    async def cut(self, head: str, content: bytes) -> asyncio.StreamWriter:
        """The head and a part of the body of a request, which goes on."""
        host, port = self.server.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        basic = base64.b64encode(f"anyone:{self.token}".encode()).decode()
        writer.write(f"{head} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {basic}\r\n".encode())
        writer.write(f"Content-Length: {len(BLOB)}\r\n\r\n".encode() + content)
        await writer.drain()
        return writer


@pytest.fixture
async def pushing(tmp_path: Path) -> AsyncIterator[Pushing]:
    pushing = Pushing(tmp_path / "data")
    await pushing.found()
    yield pushing
    if pushing.server.code() is None:
        pushing.server.end()


async def waited(pushing: Pushing, size: int) -> None:
    """Until so much of the one upload is in its file."""
    for _ in range(300):
        if sum(path.stat().st_size for path in (pushing.data / "image-uploads").iterdir()) >= size:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nothing comes")


async def gone_on(pushing: Pushing, location: str) -> None:
    """The upload says where it stands, the rest is sent, and the blob is whole."""
    stand = await pushing.ask("GET", location)
    assert stand.status_code == 204
    came = int(stand.headers["range"].partition("-")[2]) + 1
    assert 1_000_000 < came < len(BLOB)
    rest: dict[str, Any] = {"content": BLOB[came:], "content_range": f"{came}-{len(BLOB) - 1}"}
    assert (await pushing.ask("PUT", f"{location}?digest={DIGEST}", **rest)).status_code == 201
    assert (await pushing.ask("GET", f"blobs/{DIGEST}")).content == BLOB


async def test_an_upload_that_kill_9_cuts_off_is_not_served_and_goes_on(pushing: Pushing) -> None:
    location = (await pushing.ask("POST", "blobs/uploads/")).headers["location"]
    writer = await pushing.cut(f"PATCH {location}", BLOB[:2_000_000])
    await waited(pushing, 1_000_001)
    await pushing.again()
    writer.close()
    assert (await pushing.ask("HEAD", f"blobs/{DIGEST}")).status_code == 404
    await gone_on(pushing, location)


async def test_an_upload_whose_client_goes_away_goes_on(pushing: Pushing) -> None:
    location = (await pushing.ask("POST", "blobs/uploads/")).headers["location"]
    writer = await pushing.cut(f"PATCH {location}", BLOB[:2_000_000])
    await waited(pushing, 1_000_001)
    busy = await pushing.ask("PATCH", location, b"x")
    assert (busy.status_code, busy.json()["errors"][0]["code"]) == (409, "BLOB_UPLOAD_INVALID")
    writer.close()
    await waited(pushing, 2_000_000)
    for _ in range(100):
        if (await pushing.ask("PATCH", location, b"", content_length="0")).status_code == 202:
            break
        await asyncio.sleep(0.02)
    await gone_on(pushing, location)


async def test_a_blob_at_once_that_kill_9_cuts_off_leaves_nothing_that_is_served(pushing: Pushing) -> None:
    writer = await pushing.cut(f"POST {PATH}/blobs/uploads/?digest={DIGEST}", BLOB[:2_000_000])
    await asyncio.sleep(0.3)
    await pushing.again()
    writer.close()
    assert (await pushing.ask("HEAD", f"blobs/{DIGEST}")).status_code == 404
    assert (await pushing.ask("POST", f"blobs/uploads/?digest={DIGEST}", BLOB)).status_code == 201
    assert (await pushing.ask("GET", f"blobs/{DIGEST}")).content == BLOB


@pytest.mark.parametrize("side", ["before", "after"])
async def test_killed_at_the_commit_of_a_blob_it_is_whole_or_absent(pushing: Pushing, side: str) -> None:
    await pushing.again(f"commit:{side}")
    await pushing.dies("POST", f"blobs/uploads/?digest={DIGEST}", BLOB)
    await pushing.again()
    assert (await pushing.ask("HEAD", f"blobs/{DIGEST}")).status_code == (404 if side == "before" else 200)
    assert (await pushing.ask("POST", f"blobs/uploads/?digest={DIGEST}", BLOB)).status_code == 201
    assert (await pushing.ask("GET", f"blobs/{DIGEST}")).content == BLOB


@pytest.mark.parametrize("side", ["before", "after"])
async def test_killed_at_the_end_of_an_upload_it_is_whole_or_absent_and_the_upload_has_ended(
    pushing: Pushing, side: str
) -> None:
    location = (await pushing.ask("POST", "blobs/uploads/")).headers["location"]
    await pushing.ask("PATCH", location, BLOB)
    await pushing.again(f"commit:{side}#2")
    await pushing.dies("PUT", f"{location}?digest={DIGEST}")
    await pushing.again()
    assert (await pushing.ask("HEAD", f"blobs/{DIGEST}")).status_code == (404 if side == "before" else 200)
    assert (await pushing.ask("PUT", f"{location}?digest={DIGEST}")).status_code == 404
    assert (await pushing.ask("POST", f"blobs/uploads/?digest={DIGEST}", BLOB)).status_code == 201
    assert (await pushing.ask("GET", f"blobs/{DIGEST}")).content == BLOB


@pytest.mark.parametrize("side", ["before", "after"])
async def test_killed_at_the_commit_of_a_manifest_it_has_its_tag_or_is_absent(pushing: Pushing, side: str) -> None:
    await pushing.ask("POST", f"blobs/uploads/?digest={digest_of(b'{}')}", b"{}")
    content = manifest(b"{}")
    await pushing.again(f"commit:{side}")
    await pushing.dies("PUT", "manifests/1.0", content, content_type=MANIFEST)
    await pushing.again()
    for reference in ("1.0", digest_of(content)):
        answer = await pushing.ask("GET", f"manifests/{reference}")
        assert answer.status_code == (404 if side == "before" else 200)
    assert (await pushing.ask("PUT", "manifests/1.0", content, content_type=MANIFEST)).status_code == 201
    assert (await pushing.ask("GET", "manifests/1.0")).content == content
