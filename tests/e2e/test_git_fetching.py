"""Stock git reads a served repository: whole, in part, over both protocols, and what others have written since."""

import asyncio
import contextlib
import os
import random
import time
from pathlib import Path

import pytest

from providers.git.packets import packet
from tests.e2e.conftest import Site
from tests.e2e.remotes import Remote, basic, commit
from tests.e2e.served import done, git

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_repository_says_where_it_is_cloned_from(site: Site, remote: Remote) -> None:
    query = "query($id: ID!) { node(id: $id) { ... on Repository { remoteUrl } } }"
    assert (await site.admin.ask(query, id=remote.id))["node"]["remoteUrl"] == remote.url


async def test_a_clone_holds_the_default_branch_and_its_head(remote: Remote, clone: Path) -> None:
    assert await done("rev-parse", "HEAD", at=clone) == (await remote.refs())["main"]
    assert await done("symbolic-ref", "HEAD", at=clone) == "refs/heads/main"
    assert await done("symbolic-ref", "refs/remotes/origin/HEAD", at=clone) == "refs/remotes/origin/main"
    assert (clone / "README.md").read_text() == f"# {remote.name}\n"


@pytest.mark.parametrize("version", ["0", "2"])
async def test_head_is_told_as_a_symref_to_the_default_branch(remote: Remote, version: str) -> None:
    listed = await done("-c", f"protocol.version={version}", "ls-remote", "--symref", remote.signed(), "HEAD")
    assert listed.splitlines() == ["ref: refs/heads/main\tHEAD", f"{(await remote.refs())['main']}\tHEAD"]


async def test_protocol_2_is_answered_when_it_is_asked_for(site: Site, remote: Remote) -> None:
    url = f"/git/acme/booking/{remote.name}.git/info/refs?service=git-upload-pack"
    signed = {"Authorization": basic(site.admin.token)}
    second = await site.admin.http.get(url, headers=signed | {"Git-Protocol": "version=2"})
    assert second.content.startswith(packet(b"version 2\n"))
    assert b"fetch=" in second.content
    assert b"filter" in second.content
    first = await site.admin.http.get(url, headers=signed)
    assert first.content.startswith(packet(b"# service=git-upload-pack\n") + b"0000")
    assert b"symref=HEAD:refs/heads/main" in first.content
    assert first.headers["content-type"] == "application/x-git-upload-pack-advertisement"
    assert "no-cache" in first.headers["cache-control"]


async def test_stock_git_speaks_protocol_2(remote: Remote) -> None:
    ran = await git("ls-remote", remote.signed(), GIT_TRACE_PACKET="1")
    assert "git< version 2" in ran.err
    assert "> command=ls-refs" in ran.err


async def test_a_shallow_clone_holds_what_it_asks_for_and_is_deepened(
    remote: Remote, clone: Path, tmp_path: Path
) -> None:
    for number in range(4):
        await commit(clone, "a.txt", f"{number}\n")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    shallow = await remote.clone(tmp_path / "shallow", "--depth=1", "--branch=work")
    assert await done("rev-list", "--count", "HEAD", at=shallow) == "1"
    await done("fetch", "--quiet", "--deepen=2", at=shallow)
    assert await done("rev-list", "--count", "HEAD", at=shallow) == "3"
    await done("fetch", "--quiet", "--unshallow", at=shallow)
    assert await done("rev-list", "--count", "HEAD", at=shallow) == "5"
    assert await done("rev-parse", "HEAD", at=shallow) == await done("rev-parse", "HEAD", at=clone)


async def test_a_shallow_clone_pushes_what_it_made(remote: Remote, clone: Path, tmp_path: Path) -> None:
    for number in range(3):
        await commit(clone, "a.txt", f"{number}\n")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    shallow = await remote.clone(tmp_path / "shallow", "--depth=1", "--branch=work")
    sha = await commit(shallow, "b.txt")
    await done("push", "--quiet", "origin", "work", at=shallow)
    assert (await remote.refs())["work"] == sha
    await remote.agrees()


async def test_a_partial_clone_fetches_its_blobs_when_they_are_needed(
    remote: Remote, clone: Path, tmp_path: Path
) -> None:
    for number in range(3):
        await commit(clone, "a.txt", f"{number}\n" * 1_000)
    await done("push", "--quiet", "origin", "main:work", at=clone)
    partial = await remote.clone(tmp_path / "partial", "--filter=blob:none", "--branch=work", "--no-checkout")
    files = len((await done("ls-files", at=clone)).splitlines())
    assert await _missing(partial) == files + 2  # a.txt has two older contents
    await done("checkout", "--quiet", "work", at=partial)
    assert (partial / "a.txt").read_text() == "2\n" * 1_000
    assert await _missing(partial) == 2
    assert await done("show", "HEAD~2:a.txt", at=partial) == ("0\n" * 1_000).strip()
    assert await _missing(partial) == 1


async def _missing(folder: Path) -> int:
    listed = await done("rev-list", "--objects", "--missing=print", "--all", at=folder)
    return sum(line.startswith("?") for line in listed.splitlines())


async def test_a_fetch_brings_what_others_pushed_and_the_api_committed(
    site: Site, remote: Remote, clone: Path, tmp_path: Path
) -> None:
    other = await remote.clone(tmp_path / "other")
    pushed = await commit(other, "a.txt")
    await done("push", "--quiet", "origin", "HEAD:work", at=other)
    change = [{"path": "b.txt", "content": "b\n"}]
    fields = {"repositoryId": remote.id, "branch": "work", "message": "by API", "changes": change}
    made = (await site.admin.done("createCommit", "commit { sha parents }", **fields))["commit"]
    assert made["parents"] == [pushed]
    await done("fetch", "--quiet", "origin", at=clone)
    assert await done("rev-parse", "origin/work", at=clone) == made["sha"]
    await remote.agrees()


@pytest.mark.parametrize("version", ["0", "2"])
async def test_a_commit_that_is_not_here_is_told_by_git_and_not_by_a_broken_connection(
    remote: Remote, clone: Path, version: str
) -> None:
    ran = await git("-c", f"protocol.version={version}", "fetch", "origin", "1" * 40, at=clone)
    assert ran.code == 128
    assert f"remote error: upload-pack: not our ref {'1' * 40}" in ran.err
    assert "RPC failed" not in ran.err


async def test_a_gzipped_fetch_of_many_haves_is_understood(remote: Remote, clone: Path, tmp_path: Path) -> None:
    """Git offers its newest commits first, so these are newer than the one that both have."""
    other = await remote.clone(tmp_path / "other")
    for number in range(60):
        when = f"2090-01-01T00:{number:02}:00Z"
        await done("commit", "--quiet", "--allow-empty", "-m", f"local {number}", at=other, GIT_COMMITTER_DATE=when)
    await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    ran = await git("-c", "protocol.version=0", "fetch", "origin", at=other, GIT_TRACE_CURL="1")
    assert ran.code == 0
    assert "content-encoding: gzip" in ran.err.lower()
    assert await done("rev-parse", "origin/work", at=other) == await done("rev-parse", "HEAD", at=clone)


async def test_an_archived_repository_is_cloned_and_refuses_pushes(
    site: Site, remote: Remote, clone: Path, tmp_path: Path
) -> None:
    await site.admin.done("archiveRepository", "repository { id }", repositoryId=remote.id)
    await remote.clone(tmp_path / "other")
    await commit(clone, "a.txt")
    ran = await git("push", "origin", "main:work", at=clone)
    assert ran.code == 128
    assert "remote: the repository is archived: it can be fetched from, not pushed to" in ran.err


async def test_dumb_clients_are_told_what_would_work(site: Site, remote: Remote) -> None:
    signed = {"Authorization": basic(site.admin.token)}
    answer = await site.admin.http.get(f"/git/acme/booking/{remote.name}.git/info/refs", headers=signed)
    assert (answer.status_code, answer.text) == (403, "only smart HTTP is served: use git 1.6.6 or newer\n")


async def test_a_client_that_goes_away_takes_its_git_process_with_it(site: Site, remote: Remote, clone: Path) -> None:
    for number in range(4):
        await commit(clone, f"large-{number}.bin", random.Random(number).randbytes(6 * 1024 * 1024))
        await done("push", "--quiet", "origin", "main:work", at=clone)
    sha = (await remote.refs())["work"]
    body = packet(f"want {sha} ofs-delta\n".encode()) + b"0000" + packet(b"done\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.admin.url.rsplit(":", 1)[1]))
    head = (
        f"POST /git/acme/booking/{remote.name}.git/git-upload-pack HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {basic(site.admin.token)}\r\nContent-Type: application/x-git-upload-pack-request\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert await _processes(remote.path)
    writer.transport.abort()
    deadline = time.monotonic() + 10
    while await _processes(remote.path):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def _processes(folder: Path) -> list[int]:
    """Who works in the folder."""

    def look() -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if (entry / "cwd").resolve() == folder.resolve() and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
        return found

    return await asyncio.to_thread(look)
