"""Pushes at once, beside commands, cut off at every boundary, waiting in line: nothing is lost or half done."""

import asyncio
import hashlib
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from providers.errors import ProviderUnavailable
from providers.git.embedded_transport import LEFT_OVER_SECONDS
from providers.git.packets import packet
from providers.git.processes import Slots
from services.failpoints import Failpoints
from tests.e2e.conftest import Site
from tests.e2e.remotes import Remote, commit, posted
from tests.e2e.served import Ran, done, git

pytestmark = pytest.mark.asyncio(loop_scope="module")
EMPTY = b"PACK" + (2).to_bytes(4, "big") + bytes(4)
EMPTY += hashlib.sha1(EMPTY).digest()


async def test_of_pushes_of_one_branch_at_once_one_wins_and_the_others_are_stale(
    remote: Remote, clone: Path, tmp_path: Path
) -> None:
    await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    others = [await remote.clone(tmp_path / f"c{number}", "--branch=work") for number in range(4)]
    shas = [await commit(other, f"f{number}") for number, other in enumerate(others)]
    ran = await asyncio.gather(*(git("push", "origin", "work", at=other) for other in others))
    (won,) = [sha for sha, one in zip(shas, ran, strict=True) if one.code == 0]
    assert (await remote.refs())["work"] == won
    assert [one.code for one in ran].count(1) == 3
    assert all("fetch first" in one.err for one in ran if one.code)
    await remote.agrees()


async def test_a_stale_old_sha_is_told_in_the_report_with_http_200(remote: Remote, clone: Path) -> None:
    first = await commit(clone, "a.txt")
    second = await commit(clone, "b.txt")
    await done("push", "--quiet", "origin", f"{second}:refs/heads/work", "HEAD:refs/tags/v1", at=clone)
    stale = f"{first} {first} refs/heads/work\0 report-status side-band-64k".encode()
    answer = await posted(remote, packet(stale) + b"0000" + EMPTY)
    assert b"ng refs/heads/work fetch first" in answer
    assert b"somebody else has moved the branch: fetch, then push again" in answer
    made = f"{'0' * 40} {first} refs/heads/work\0 report-status".encode()
    assert b"ng refs/heads/work fetch first" in await posted(remote, packet(made) + b"0000" + EMPTY)
    assert (await remote.refs())["work"] == second
    await remote.agrees()


async def test_a_tag_that_somebody_else_moved_is_refused_at_once_with_the_branch_beside_it(
    remote: Remote, clone: Path
) -> None:
    sha = await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", "HEAD:refs/tags/v1", at=clone)
    started = time.monotonic()
    lines = packet(f"{'0' * 40} {sha} refs/tags/v1\0 report-status".encode())
    lines += packet(f"{'0' * 40} {sha} refs/heads/other".encode())
    answer = await posted(remote, lines + b"0000" + EMPTY)
    assert b"ng refs/tags/v1 somebody else has moved refs/tags/v1: fetch, then push again" in answer
    assert b"ng refs/heads/other" in answer
    assert time.monotonic() - started < 4
    assert (await remote.refs()).keys() == {"main", "work"}
    await remote.agrees()


async def test_pushes_of_eight_branches_at_once_all_arrive(remote: Remote, tmp_path: Path) -> None:
    clones = [await remote.clone(tmp_path / f"c{number}") for number in range(8)]
    shas = [await commit(one, f"f{number}") for number, one in enumerate(clones)]
    pushes = (git("push", "origin", f"main:b{number}", at=one) for number, one in enumerate(clones))
    assert [one.code for one in await asyncio.gather(*pushes)] == [0] * 8
    refs = await remote.refs()
    assert [refs[f"b{number}"] for number in range(8)] == shas
    await remote.agrees()


async def test_pushes_and_commits_by_api_of_one_branch_lose_nothing(
    site: Site, remote: Remote, clone: Path, tmp_path: Path
) -> None:
    await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    others = [await remote.clone(tmp_path / f"c{number}", "--branch=work") for number in range(2)]
    shas = [await commit(other, f"f{number}") for number, other in enumerate(others)]

    async def api(number: int) -> str:
        fields = {"repositoryId": remote.id, "branch": "work", "message": "m"}
        change = [{"path": f"x{number}", "content": ""}]
        made = await site.admin.done("createCommit", "commit { sha }", changes=change, **fields)
        return str(made["commit"]["sha"])

    pushes = asyncio.gather(*(git("push", "origin", "work", at=other) for other in others))
    ran, made = await asyncio.gather(pushes, asyncio.gather(*(api(number) for number in range(4))))
    reached = (await done("rev-list", "work", at=remote.path)).split()
    assert set(made) <= set(reached)
    assert {sha for sha, one in zip(shas, ran, strict=True) if one.code == 0} == set(shas) & set(reached)
    assert all("fetch first" in one.err for one in ran if one.code != 0)
    await remote.agrees()


async def test_a_push_that_races_the_merge_of_its_branch_leaves_one_history(
    site: Site, remote: Remote, clone: Path
) -> None:
    await done("push", "--quiet", "origin", "main:stable", at=clone)
    source = await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    fields = {"repositoryId": remote.id, "sourceBranch": "work", "targetBranch": "stable", "title": "t"}
    id = (await site.admin.done("openPullRequest", "pullRequest { id }", **fields))["pullRequest"]["id"]
    await done("checkout", "--quiet", "-b", "aside", "origin/stable", at=clone)
    sha = await commit(clone, "b.txt")
    ran, merged = await asyncio.gather(
        git("push", "origin", "aside:stable", at=clone),
        site.admin.do("mergePullRequest", "pullRequest { mergeSha }", pullRequestId=id, expectedSourceSha=source),
    )
    reached = (await done("rev-list", "stable", at=remote.path)).split()
    assert (sha in reached) is (ran.code == 0)
    if merged["errors"]:
        assert [error["code"] for error in merged["errors"]] in (["CONFLICT"], ["PRECONDITION_FAILED"])
    else:
        assert merged["pullRequest"]["mergeSha"] in reached
    assert ran.code == 0 or merged["errors"] == []
    await remote.agrees()


class Crash(BaseException):
    """What no code may catch, as no code goes on after kill -9."""


@pytest.mark.parametrize(
    "at",
    [
        "write:before", "write:after", "intend:before", "intend:after",
        "swap:before", "swap:after", "record:before", "record:after",
    ],
)  # fmt: skip
async def test_a_push_cut_off_at_a_boundary_is_finished_from_what_git_says(
    site: Site, remote: Remote, clone: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    first, second = await commit(clone, "a.txt"), await commit(clone, "b.txt")
    refspecs = (f"{first}:refs/heads/one", f"{second}:refs/heads/two", f"{second}:refs/tags/v1")
    ran = await cut_off(monkeypatch, at, "push", "origin", *refspecs, clone=clone)
    assert ran.code != 0
    await site.admin.slipway.workers.adoption.finish()
    moved = at in {"swap:after", "record:before", "record:after"}
    assert (await remote.refs()).keys() == ({"main", "one", "two"} if moved else {"main"})
    tags = await done("tag", at=remote.path)
    assert tags == ("v1" if moved else "")
    await remote.agrees()
    await done("push", "--quiet", "origin", *refspecs, at=clone)
    assert len(await remote.events("BranchCreated")) == 3
    await remote.agrees()


@pytest.mark.parametrize("at", ["intend:after", "swap:after", "record:after"])
async def test_a_rewrite_and_a_deletion_cut_off_are_told_as_what_they_were(
    site: Site, remote: Remote, clone: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", "main:gone", at=clone)
    await done("commit", "--quiet", "--amend", "-m", "amended", at=clone)
    await cut_off(monkeypatch, at, "push", "--force", "origin", "main:work", ":gone", clone=clone)
    await site.admin.slipway.workers.adoption.finish()
    await done("push", "--quiet", "--force", "origin", "main:work", ":refs/heads/gone", at=clone)
    (moved,) = await remote.events("BranchUpdated")
    assert (moved.payload["headSha"], moved.payload["forced"]) == (await done("rev-parse", "HEAD", at=clone), True)
    assert [row.payload["name"] for row in await remote.events("BranchDeleted")] == ["gone"]
    await remote.agrees()


async def cut_off(monkeypatch: pytest.MonkeyPatch, at: str, *arguments: str, clone: Path) -> Ran:
    def reach(_: Failpoints, name: str) -> None:
        if name == at:
            raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(Failpoints, "reach", reach)
        return await git(*arguments, at=clone)


async def test_what_a_killed_push_left_aside_is_removed_once_it_is_old(site: Site) -> None:
    aside = site.admin.slipway.settings.data / "git" / ".incoming"
    old, young = aside / "old", aside / "young"
    for folder in (old, young):
        (folder / "pack").mkdir(parents=True)
        (folder / "pack" / "tmp_pack_x").write_bytes(b"x")
    os.utime(old, (time.time() - LEFT_OVER_SECONDS - 1,) * 2)
    await site.admin.slipway.providers.transport.tidy()
    assert list(aside.iterdir()) == [young]
    shutil.rmtree(young)


async def test_requests_wait_for_a_slot_in_line_and_not_for_ever() -> None:
    slots, order = Slots(1, seconds=0.2), []

    async def work(name: str, seconds: float) -> None:
        async with slots.one():
            order.append(name)
            await asyncio.sleep(seconds)

    await asyncio.gather(work("first", 0.05), work("second", 0), work("third", 0))
    assert order == ["first", "second", "third"]
    async with slots.one():
        with pytest.raises(ProviderUnavailable, match="git is busy with 1 other requests"):
            await work("late", 0)
    await work("again", 0)
    assert order[-1] == "again"


async def test_a_request_that_found_no_slot_is_told_to_come_again(
    site: Site, remote: Remote, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = site.admin.slipway.providers.transport
    monkeypatch.setattr(transport, "_fetches", busy := Slots(1, seconds=0.1))
    async with busy.one():
        ran = await git("ls-remote", remote.signed())
        assert ran.code == 128
        assert "remote: git is busy with 1 other requests: try again later" in ran.err
        assert "503" in ran.err
        await commit(clone, "a.txt", random.Random(1).randbytes(100))
        await done("push", "--quiet", "origin", "main:work", at=clone)
    assert (await git("ls-remote", remote.signed())).code == 0


async def test_a_shutdown_waits_for_moves_and_not_for_ever(site: Site) -> None:
    moving = site.admin.slipway.services.moving
    assert await moving.idle() == 0
    task: asyncio.Task[None] = asyncio.create_task(asyncio.sleep(60))
    moving._under_way.add(task)  # type: ignore[arg-type]  # any task will do
    assert await moving.idle(0.05) == 1
    assert task.cancelled()
    moving._under_way.clear()
