"""What a push may hold: the rules of commits by API, and Git's own, for every commit that a push brings."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from providers.git.packets import packet
from tests.e2e.conftest import Site
from tests.e2e.remotes import Remote, commit, posted
from tests.e2e.served import done, git

pytestmark = pytest.mark.asyncio(loop_scope="module")
LINE = f"{'0' * 40} {'1' * 40} refs/heads/x"


async def made(clone: Path, *entries: tuple[str, str, str], parent: str = "HEAD") -> str:
    """A commit of these (mode, name, content), past the checks of a client's index; a folder's content is its tree."""
    lines = []
    for mode, name, content in entries:
        kind = "tree" if mode == "040000" else "blob"
        sha = content if kind == "tree" else await _piped(clone, content, "hash-object", "-w", "--stdin")
        lines.append(f"{mode} {kind} {sha}\t{name}\0")
    tree = await _piped(clone, "".join(lines), "mktree", "-z")
    return await done("commit-tree", tree, "-p", parent, "-m", "made", at=clone)


async def tree_of(clone: Path, sha: str) -> str:
    return await done("rev-parse", f"{sha}^{{tree}}", at=clone)


async def _piped(clone: Path, given: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, cwd=clone, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(given.encode())
    assert process.returncode == 0
    return out.decode().strip()


async def refused(remote: Remote, clone: Path, sha: str) -> str:
    """What stood on the screen of a push that left nothing."""
    before = await remote.refs()
    ran = await git("push", "origin", f"{sha}:refs/heads/work", at=clone)
    assert ran.code == 1
    assert "! [remote rejected] " in ran.err
    assert "(unpacker error)" in ran.err
    assert await remote.refs() == before
    assert (await git("cat-file", "-e", sha, at=remote.path)).code != 0
    await remote.agrees()
    return ran.err


@pytest.mark.parametrize("name", [".git", ".GIT", ".", "..", "GIT~1", ".git ", ".g\u200cit"])
async def test_names_that_git_finds_fault_with_do_not_enter(remote: Remote, clone: Path, name: str) -> None:
    told = await refused(remote, clone, await made(clone, ("100644", name, "x")))
    assert "hasDot" in told


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\\b", "use '/' between folders, not a backslash"),
        ("a\tb", "control characters are refused in paths"),
        (".git::$INDEX_ALLOCATION", "hasDotgit"),
    ],
)
async def test_names_that_the_api_refuses_do_not_enter(remote: Remote, clone: Path, name: str, reason: str) -> None:
    assert reason in await refused(remote, clone, await made(clone, ("100644", name, "x")))


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "a/../../x", "..", "x\\y", "x" * 4_097])
async def test_symlinks_that_leave_the_tree_do_not_enter(remote: Remote, clone: Path, target: str) -> None:
    told = await refused(remote, clone, await made(clone, ("120000", "link", target)))
    assert "'link': " in told
    assert "symlink" in told


async def test_a_symlink_is_measured_from_each_place_where_it_stands(remote: Remote, clone: Path) -> None:
    deep = await tree_of(clone, await made(clone, ("120000", "link", "../x")))
    sha = await made(clone, ("040000", "folder", deep))
    await done("push", "--quiet", "origin", f"{sha}:refs/heads/work", at=clone)
    moved = await done("commit-tree", deep, "-p", sha, "-m", "moved up", at=clone)
    told = await refused(remote, clone, moved)
    assert "the symlink's target '../x' leaves the tree" in told


async def test_what_a_later_commit_mends_does_not_enter_either(remote: Remote, clone: Path) -> None:
    bad = await made(clone, ("120000", "link", "/etc/passwd"))
    mended = await made(clone, ("100644", "link", "x"), parent=bad)
    assert "'link': a symlink's target is a relative path within the tree" in await refused(remote, clone, mended)


async def test_what_only_a_merge_brings_does_not_enter_either(remote: Remote, clone: Path) -> None:
    base = await done("rev-parse", "HEAD", at=clone)
    one, two = await made(clone, ("100644", "a", "1")), await made(clone, ("100644", "a", "2"))
    tree = await tree_of(clone, await made(clone, ("120000", "a", "/etc/passwd"), ("100644", "b", "")))
    merge = await done("commit-tree", tree, "-p", one, "-p", two, "-m", "evil merge", at=clone)
    assert base != merge
    assert "'a': a symlink's target" in await refused(remote, clone, merge)


async def test_names_that_differ_in_case_only_do_not_stand_on_a_branch(remote: Remote, clone: Path) -> None:
    sha = await made(clone, ("100644", "Makefile", "1"), ("100644", "makefile", "2"))
    told = await refused(remote, clone, sha)
    assert "'makefile': differs from 'Makefile' in case only: rename one of them" in told
    inner = await tree_of(clone, sha)
    assert "'src/makefile': differs from 'src/Makefile'" in await refused(
        remote, clone, await made(clone, ("040000", "src", inner))
    )


async def test_a_file_beside_one_of_another_case_that_stands_already_does_not_enter(
    remote: Remote, clone: Path
) -> None:
    await commit(clone, "src/a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    blob = await _piped(clone, "2", "hash-object", "-w", "--stdin")
    await done("update-index", "--add", "--cacheinfo", f"100644,{blob},SRC/b.txt", at=clone)
    await done("commit", "--quiet", "-m", "clash", at=clone)
    told = (await git("push", "origin", "main:work", at=clone)).err
    assert "'src': differs from 'SRC' in case only" in told


async def test_what_is_fine_by_api_is_fine_by_push(site: Site, remote: Remote, clone: Path) -> None:
    inner = await tree_of(clone, await made(clone, ("120000", "link", "../README.md"), ("100755", "run", "#!/bin/sh")))
    sha = await made(clone, ("040000", "bin", inner), ("100644", "README.md", "x"), ("100644", "größe €.txt", "x"))
    await done("push", "--quiet", "origin", f"{sha}:refs/heads/work", at=clone)
    change = {"path": "b/link", "content": "../README.md", "mode": "SYMLINK"}
    fields = {"repositoryId": remote.id, "branch": "work", "message": "by API", "changes": [change]}
    await site.admin.done("createCommit", "commit { id }", **fields)
    await remote.agrees()


async def test_a_tag_of_a_file_enters(remote: Remote, clone: Path) -> None:
    await commit(clone, "a.txt", "new\n")
    blob = await done("rev-parse", "HEAD:a.txt", at=clone)
    await done("push", "--quiet", "origin", "main:work", f"{blob}:refs/tags/file", at=clone)
    assert await done("cat-file", "-p", "file", at=remote.path) == "new"
    await remote.agrees()


async def test_case_may_change_in_a_rename(remote: Remote, clone: Path) -> None:
    await commit(clone, "readme.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    await done("mv", "readme.txt", "README.txt", at=clone)
    await done("commit", "--quiet", "-m", "renamed", at=clone)
    await done("push", "--quiet", "origin", "main:work", at=clone)
    await remote.agrees()


async def test_a_pack_that_is_none_is_told_in_the_report(remote: Remote) -> None:
    answer = await posted(remote, packet(f"{LINE}\0 report-status".encode()) + b"0000" + b"PACK nonsense")
    assert b"unpack git found fault" in answer
    assert b"ng refs/heads/x unpacker error" in answer
    await remote.agrees()


async def test_a_pack_that_is_cut_off_is_refused(remote: Remote, clone: Path) -> None:
    sha = await commit(clone, "a.txt", "x\n" * 1_000)
    listed = f"{sha}\n^{sha}~\n"
    process = await asyncio.create_subprocess_exec(
        "git", "pack-objects", "--stdout", "--revs", "--quiet",
        cwd=clone, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    pack, _ = await process.communicate(listed.encode())
    head = packet(f"{'0' * 40} {sha} refs/heads/x\0 report-status".encode()) + b"0000"
    assert b"ng refs/heads/x unpacker error" in await posted(remote, head + pack[:-30])
    assert (await remote.refs()).keys() == {"main"}
    await remote.agrees()
    assert b"ok refs/heads/x" in await posted(remote, head + pack)
    assert (await remote.refs())["x"] == sha
    await remote.agrees()


async def test_a_push_that_lacks_objects_is_refused(remote: Remote) -> None:
    empty = b"PACK" + (2).to_bytes(4, "big") + bytes(4)
    body = packet(f"{LINE}\0 report-status".encode()) + b"0000" + empty + hashlib.sha1(empty).digest()
    assert b"ng refs/heads/x unpacker error" in await posted(remote, body)
    await remote.agrees()
