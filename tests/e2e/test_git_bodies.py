"""Bodies that are no push, too large, compressed, in pieces or too slow: refused in words, with nothing left behind."""

import asyncio
import gzip
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from http_api import bodies
from providers.git.packets import packet
from tests.e2e.conftest import PUSH_BYTES, Site
from tests.e2e.remotes import Remote, basic, commit, posted
from tests.e2e.served import git

pytestmark = pytest.mark.asyncio(loop_scope="module")
PUSH = {"Content-Type": "application/x-git-receive-pack-request"}
FETCH = {"Content-Type": "application/x-git-upload-pack-request"}
LINE = f"{'0' * 40} {'1' * 40} refs/heads/x".encode()


@pytest.mark.parametrize(
    ("headers", "body", "status", "told"),
    [
        (PUSH, b"nonsense", 400, "the body is not framed in pkt-lines that end with a flush"),
        (PUSH, b"00", 400, "the body is not framed in pkt-lines that end with a flush"),
        (PUSH, b"", 400, "the body is not framed in pkt-lines that end with a flush"),
        (PUSH, b"0003", 400, "the body is not framed in pkt-lines that end with a flush"),
        (PUSH, b"0004", 400, "the body is not framed in pkt-lines that end with a flush"),
        (PUSH, b"ffff" + b"x" * 10, 400, "the body is not framed in pkt-lines that end with a flush"),
        (PUSH, b"00ff" + b"x" * 10, 400, "the body ends within a pkt-line"),
        (PUSH, packet(b"not a command\0 report-status") + b"0000", 400, "a ref command is 'old new ref'"),
        (PUSH, packet(LINE.replace(b"1", b"G")) + b"0000", 400, "a ref command is 'old new ref'"),
        (PUSH, packet(LINE.replace(b"1" * 40, b"1" * 64)) + b"0000", 400, "a ref command is 'old new ref'"),
        (PUSH, packet(LINE + b"\xff") + b"0000", 400, "a ref's name is not UTF-8"),
        (PUSH, packet(LINE), 400, "the body is not framed in pkt-lines that end with a flush"),
        (PUSH, packet(LINE) + packet(LINE) + b"0000", 400, "refs/heads/x is named twice"),
        (PUSH | {"Content-Encoding": "gzip"}, b"not gzip", 400, "the body is not gzip"),
        (PUSH | {"Content-Encoding": "gzip"}, gzip.compress(b"0000", mtime=0)[:-6], 400, "the gzip'd body ends"),
        (PUSH | {"Content-Encoding": "br"}, b"", 415, "Content-Encoding 'br' is not taken: send gzip or none"),
        ({}, b"0000", 415, "the Content-Type must be application/x-git-receive-pack-request"),
        (FETCH, b"0000", 415, "the Content-Type must be application/x-git-receive-pack-request"),
        (PUSH, b"0000", 200, ""),
    ],
)
async def test_a_body_that_is_no_push_is_refused_and_leaves_nothing(
    site: Site, remote: Remote, headers: dict[str, str], body: bytes, status: int, told: str
) -> None:
    answer = await site.admin.http.post(url(remote), content=body, headers=headers | signed(site))
    assert answer.status_code == status
    assert answer.text.startswith(told)
    assert (await remote.refs()).keys() == {"main"}
    await remote.agrees()


async def test_a_fetch_that_is_none_is_an_error_of_its_own(site: Site, remote: Remote) -> None:
    answer = await site.admin.http.post(
        url(remote, "git-upload-pack"), content=b"nonsense", headers=FETCH | signed(site)
    )
    assert answer.status_code == 400
    assert answer.text == "fatal: protocol error: bad line length character: nons\n"


async def test_a_push_over_the_limit_is_413_and_leaves_nothing(site: Site, remote: Remote, clone: Path) -> None:
    before = await remote.refs()
    await commit(clone, "large.bin", random.Random(4).randbytes(PUSH_BYTES + 1))
    ran = await git("push", "origin", "main:work", at=clone)
    assert ran.code == 1
    assert "HTTP 413" in ran.err
    assert await remote.refs() == before
    assert spooled(site) == []
    await remote.agrees()


async def test_what_a_body_inflates_to_counts_against_the_limit(site: Site, remote: Remote) -> None:
    bomb = gzip.compress(packet(LINE) + b"0000" + bytes(4 * PUSH_BYTES))
    assert len(bomb) < PUSH_BYTES // 100
    headers = PUSH | signed(site) | {"Content-Encoding": "gzip"}
    answer = await site.admin.http.post(url(remote), content=bomb, headers=headers)
    assert (answer.status_code, answer.text) == (413, f"the body is over the limit of {PUSH_BYTES:,} bytes\n")


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_push_in_chunks_of_any_size_is_understood(
    site: Site, remote: Remote, clone: Path, encoding: str
) -> None:
    sha = await commit(clone, "a.txt")
    body = packet(f"{'0' * 40} {sha} refs/heads/x\0 report-status".encode()) + b"0000" + await packed(clone, sha)
    sent = gzip.compress(body, mtime=0) if encoding == "gzip" else body

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(sent), 7):
            yield sent[start : start + 7]

    headers = PUSH | signed(site) | {"Content-Encoding": encoding}
    answer = await site.admin.http.post(url(remote), content=chunks(), headers=headers)
    assert answer.status_code == 200
    assert b"ok refs/heads/x" in answer.content
    assert (await remote.refs())["x"] == sha
    await remote.agrees()


async def test_a_large_push_of_stock_git_comes_chunked(remote: Remote, clone: Path) -> None:
    await commit(clone, "large.bin", random.Random(3).randbytes(2 * 1024 * 1024))
    ran = await git("push", "origin", "main:work", at=clone, GIT_TRACE_CURL="1")
    assert ran.code == 0
    assert "transfer-encoding: chunked" in ran.err.lower()
    await remote.agrees()


async def test_a_client_that_falls_silent_is_given_up(
    site: Site, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.2)
    reader, writer = await begun(site, remote, 1_000)
    writer.write(packet(LINE))
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
    assert b"nothing came for 0 s" in await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert spooled(site) == []
    await remote.agrees()


async def test_a_client_that_only_trickles_is_given_up(
    site: Site, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LONGEST_SECONDS", 0.3)
    reader, writer = await begun(site, remote, 1_000)

    async def trickle() -> None:
        while True:
            writer.write(b"0")
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
    trickling.cancel()
    writer.close()
    assert spooled(site) == []


async def test_a_client_that_goes_away_in_the_middle_of_a_push_leaves_nothing(site: Site, remote: Remote) -> None:
    _, writer = await begun(site, remote, 5_000_000)
    writer.write(packet(LINE) + b"0000PACK" + bytes(2_000_000))
    await writer.drain()
    await until(lambda: spooled(site) != [])
    writer.transport.abort()
    await until(lambda: spooled(site) == [])
    await remote.agrees()


async def test_no_report_is_sent_to_a_client_that_asks_for_none(remote: Remote, clone: Path) -> None:
    sha = await commit(clone, "a.txt")
    body = packet(f"{'0' * 40} {sha} refs/heads/x\0 side-band-64k".encode()) + b"0000" + await packed(clone, sha)
    assert await posted(remote, body) == b"0000"
    assert (await remote.refs())["x"] == sha


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def url(remote: Remote, service: str = "git-receive-pack") -> str:
    return f"/git/acme/booking/{remote.name}.git/{service}"


def signed(site: Site) -> dict[str, str]:
    return {"Authorization": basic(site.admin.token)}


def spooled(site: Site) -> list[str]:
    """What this process holds open in the spool, where files have no names."""
    folder = site.admin.slipway.settings.data / "spool"
    assert list(folder.iterdir()) == []
    held = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            held.append(str(entry.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    return [path for path in held if path.startswith(f"{folder}/")]


async def begun(site: Site, remote: Remote, length: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A push whose body is still to come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.admin.url.rsplit(":", 1)[1]))
    head = [f"POST {url(remote)} HTTP/1.1", "Host: x", f"Content-Length: {length}"]
    head += [f"{name}: {value}" for name, value in (PUSH | signed(site)).items()]
    writer.write("\r\n".join([*head, "", ""]).encode())
    return reader, writer


async def packed(clone: Path, sha: str) -> bytes:
    """The pack of one commit on top of its parent."""
    process = await asyncio.create_subprocess_exec(
        "git", "pack-objects", "--stdout", "--revs", "--quiet",
        cwd=clone, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    pack, _ = await process.communicate(f"{sha}\n^{sha}~\n".encode())
    return pack
