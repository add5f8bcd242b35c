"""Commits that are written without libgit2 are what Git itself would have written."""

import errno
import os
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import ProviderUnavailable
from providers.git.embedded import EmbeddedGit
from providers.git.errors import EmptyChange, InvalidChange
from providers.git.values import CommitInfo, FileChange, FileMode, RepositoryKey, Signature

KEY = RepositoryKey(tenant_id=UUID(int=1), repository_id=UUID(int=2))
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
ADA = Signature(name=" Ada <Lovelace> ", email="ada@example.test", when=WHEN)
BOB = Signature(name="Bj\u00f6rn", email="bob@example.test", when=WHEN.astimezone(UTC))
TEXTS = st.sampled_from(
    [b"", b"a", b"a\n", b"a\nb\n", b"b\na\n", b"\0\1", b"a\nb\nc" * 900, b"a\n" * 2_200_000, b"\xff\n"]
)
CHANGES = st.lists(
    st.builds(
        lambda path, content, mode, delete: (
            FileChange(path=path, delete=True)
            if delete
            else FileChange(path=path, content=b"a/b" if mode is FileMode.SYMLINK else content, mode=mode)
        ),
        st.sampled_from(["a", "a.b", "a0", "b/a", "b/c/d", "b.c", "B", "\u00e9/x"]),
        TEXTS,
        st.sampled_from(FileMode),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda change: change.path,
)


def git_of(folder: Path) -> EmbeddedGit:
    git = EmbeddedGit(folder)
    git._create(KEY, "main")
    return git


async def commit(git: EmbeddedGit, parent: str | None, changes: list[FileChange]) -> CommitInfo:
    return await git.write_commit(
        KEY, parent=parent, changes=changes, author=ADA, committer=BOB, message="Say it\n\n\u00e9", allow_empty=True
    )


def stock(git: EmbeddedGit, *arguments: str) -> str:
    ran = subprocess.run(
        ["git", "-C", str(git.path(KEY)), *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def left_over(git: EmbeddedGit) -> list[str]:
    return [path.name for path in (git.path(KEY) / "objects").rglob("tmp_*")]


async def test_stock_git_finds_nothing_to_say_of_them(tmp_path: Path) -> None:
    git = git_of(tmp_path)
    names = ["a-", "a.b", "a/b/c", "a0", "gone", "z/y", "\u00e9"]
    first = await commit(git, None, [FileChange(path=name, content=b"1\n") for name in names])
    program = FileChange(path="a/b/d", content=b"2", mode=FileMode.EXECUTABLE)
    second = await commit(git, first.sha, [FileChange(path="gone", delete=True), program])
    await git.swap(KEY, "main", old=None, new=second.sha)
    assert stock(git, "fsck", "--strict", "--full", "--no-dangling") == ""
    assert stock(git, "cat-file", "commit", second.sha) == (
        f"tree {second.tree_hash}\nparent {first.sha}\nauthor Ada Lovelace <ada@example.test> 1767335645 -0330\n"
        "committer Bj\u00f6rn <bob@example.test> 1767335645 +0000\n\nSay it\n\n\u00e9"
    )
    listed = stock(git, "-c", "core.quotePath=off", "ls-tree", "-r", "--name-only", "main").split()
    assert listed == ["a-", "a.b", "a/b/c", "a/b/d", "a0", "z/y", "\u00e9"]


@settings(max_examples=60, deadline=None)
@given(rounds=st.lists(CHANGES, min_size=1, max_size=4))
async def test_the_size_that_is_told_is_the_size_that_git_tells(
    rounds: list[list[FileChange]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    git, parent = git_of(tmp_path_factory.mktemp("git")), None
    for changes in rounds:
        try:
            made = await commit(git, parent, changes)
        except InvalidChange:
            continue
        assert made == await git.commit(KEY, made.sha)
        parent = made.sha


async def test_a_file_that_stays_as_it_is_is_not_written_again(tmp_path: Path) -> None:
    git = git_of(tmp_path)
    same = FileChange(path="a", content=b"1")
    first = await commit(git, None, [same])
    with pytest.raises(EmptyChange):
        await git.write_commit(KEY, parent=first.sha, changes=[same], author=ADA, committer=ADA, message="m")
    (blob,) = stock(git, "ls-tree", "--object-only", first.tree_hash).split()
    path = git.path(KEY) / "objects" / blob[:2] / blob[2:]
    os.utime(path, (1, 1))
    await commit(git, first.sha, [same, FileChange(path="b", content=b"2")])
    assert path.stat().st_mtime == 1


async def test_what_a_loss_of_power_left_empty_is_made_whole(tmp_path: Path) -> None:
    git = git_of(tmp_path)
    made = await commit(git, None, [FileChange(path="a", content=b"1")])
    for path in (git.path(KEY) / "objects").glob("??/*"):
        path.chmod(0o644)
        path.write_bytes(b"")
    assert await commit(git, None, [FileChange(path="a", content=b"1")]) == made
    await git.swap(KEY, "main", old=None, new=made.sha)
    assert stock(git, "fsck", "--strict", "--full") == ""


async def test_a_disk_that_is_full_keeps_nothing_of_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git, writes, write = git_of(tmp_path), [], os.write

    def full(file: int, data: bytes) -> int:
        writes.append(file)
        if len(writes) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    monkeypatch.setattr("providers.git.embedded_objects.os.write", full)
    changes = [FileChange(path=f"{number}", content=b"%d" % number) for number in range(5)]
    with pytest.raises(ProviderUnavailable, match="No space left on device"):
        await commit(git, None, changes)
    assert left_over(git) == []
    assert list((git.path(KEY) / "objects").glob("??/*")) == []
    monkeypatch.undo()
    await commit(git, None, changes)
    assert left_over(git) == []
