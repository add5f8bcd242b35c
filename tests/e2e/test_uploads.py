"""Uploads through a real socket: bounded in memory, nothing of what is cut off, and nothing for ever after a kill."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from tests.e2e.children import Child, ask

CHUNK = bytes(range(256)) * 4_096
CHUNKS = 100
GROWS_KIB = 40 * 1024


class Uploading:
    """A server with a tenant, a repository and a branch to commit to."""

    def __init__(self, server: Child, data: Path, token: str) -> None:
        self.server, self.data, self.token = server, data, token
        self.http = httpx.AsyncClient(base_url=server.url, timeout=60, verify=False, trust_env=False)
        self.bearer = {"Authorization": f"Bearer {token}"}

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        return await ask(self.server.url, self.token, query, **variables)

    async def upload(self, content: Any) -> httpx.Response:
        return await self.http.post("/uploads", content=content, headers=self.bearer)

    def kept(self) -> list[str]:
        """Every file of the blob store, also half-written ones."""
        return sorted(path.name for path in (self.data / "blobs").rglob("*") if path.is_file())

    def peak(self) -> int:
        """KiB that the server's memory has grown over what it had at the last ``rest``."""
        return self._status("VmHWM") - self._rested

    def rest(self) -> None:
        Path(f"/proc/{self.server.pid}/clear_refs").write_text("5")
        self._rested = self._status("VmRSS")

    def _status(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{self.server.pid}/status").read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1])


async def started(data: Path, **environment: str) -> tuple[Child, str]:
    server = Child(data, {"SLIPWAY_DRAIN_SECONDS": "0"} | environment)
    assert await server.ready(), server.told.read_text()
    query = 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
    return server, (await ask(server.url, server.token(), query))["createTenant"]["token"]


@pytest_asyncio.fixture
async def uploading(tmp_path: Path) -> AsyncIterator[Uploading]:
    server, token = await started(tmp_path / "data")
    uploading = Uploading(server, tmp_path / "data", token)
    yield uploading
    await uploading.http.aclose()
    server.end()


async def large() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


async def branch(uploading: Uploading) -> str:
    """The id of a repository with the branch ``work``."""
    made = await uploading.ask('mutation { createProject(input: {name: "booking"}) { project { id } } }')
    fields = (
        f'projectId: "{made["createProject"]["project"]["id"]}", kind: LIBRARY, language: PYTHON, baseVersion: "1.0"'
    )
    made = await uploading.ask(f'mutation {{ registerModule(input: {{name: "m", {fields}}}) {{ module {{ id }} }} }}')
    query = "mutation($m: ID!) { provisionRepository(input: {moduleId: $m}) { repository { id } } }"
    made = await uploading.ask(query, m=made["registerModule"]["module"]["id"])
    id = str(made["provisionRepository"]["repository"]["id"])
    query = 'mutation($r: ID!) { createBranch(input: {repositoryId: $r, name: "work"}) { errors { code } } }'
    for _ in range(200):
        if (await uploading.ask(query, r=id))["createBranch"]["errors"] == []:
            return id
        await asyncio.sleep(0.1)
    raise AssertionError("the repository is not provisioned")


async def test_a_hundred_megabytes_go_to_the_disk_and_into_git_without_being_held(uploading: Uploading) -> None:
    repository = await branch(uploading)
    digest = hashlib.sha256()
    for _ in range(CHUNKS):
        digest.update(CHUNK)
    uploading.rest()
    answer = await uploading.upload(large())
    assert (answer.status_code, answer.json()["size"]) == (201, CHUNKS * len(CHUNK))
    assert answer.json()["digest"] == f"sha256:{digest.hexdigest()}"
    assert uploading.peak() < GROWS_KIB
    uploading.rest()
    fields = 'branch: "work", message: "m", changes: [{path: "large.bin", uploadDigest: $d}]'
    query = f"mutation($r: ID!, $d: Sha256Digest!) {{ createCommit(input: {{repositoryId: $r, {fields}}}) {{"
    query += " commit { filesChanged } errors { message } } }"
    made = (await uploading.ask(query, r=repository, d=answer.json()["digest"]))["createCommit"]
    assert made == {"commit": {"filesChanged": 1}, "errors": []}
    assert uploading.peak() < GROWS_KIB


async def test_of_a_client_that_goes_away_in_the_middle_nothing_is_kept(uploading: Uploading) -> None:
    host, port = uploading.server.url.removeprefix("http://").split(":")
    for head in ("Content-Length: 9000000", "Transfer-Encoding: chunked"):
        _, writer = await asyncio.open_connection(host, int(port))
        bearer = f"Authorization: Bearer {uploading.token}"
        writer.write(f"POST /uploads HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n{head}\r\n\r\n".encode())
        writer.write(b"200000\r\n" + b"x" * 0x200000 if "chunked" in head else b"x" * 0x200000)
        await writer.drain()
        for _ in range(100):
            if uploading.kept():
                break
            await asyncio.sleep(0.02)
        assert len(uploading.kept()) == 1  # under way
        writer.close()
        await writer.wait_closed()
        for _ in range(100):
            if not uploading.kept():
                break
            await asyncio.sleep(0.02)
        assert uploading.kept() == []
    assert (await uploading.upload(b"hello")).status_code == 201


async def test_a_refusal_is_told_before_the_body_is_sent(uploading: Uploading) -> None:
    host, port = uploading.server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    bearer = f"Authorization: Bearer {uploading.token}"
    length = "Content-Length: 99999999999\r\nExpect: 100-continue"
    writer.write(f"POST /uploads HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n{length}\r\n\r\n".encode())
    told = await asyncio.wait_for(reader.read(), 10)  # until the connection ends
    writer.close()
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"over the limit of 1,073,741,824 bytes" in told


async def test_killed_between_content_and_row_the_same_upload_passes_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server, token = await started(data)
    assert server.end() < 0
    server = Child(data, {"SLIPWAY_FAILPOINT": "commit:before"})
    assert await server.ready()
    cut = Uploading(server, data, token)
    try:
        (await cut.upload(b"hello")).raise_for_status()
        raise AssertionError("it was to die")
    except httpx.TransportError:
        pass
    await cut.http.aclose()
    orphan = [hashlib.sha256(b"hello").hexdigest()]
    assert cut.kept() == orphan
    server = Child(data, {"SLIPWAY_DRAIN_SECONDS": "0"})
    assert await server.ready()
    again = Uploading(server, data, token)
    try:
        assert (await again.upload(b"hello")).status_code == 201
        assert again.kept() == orphan
    finally:
        await again.http.aclose()
        server.end()
