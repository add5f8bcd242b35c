"""Power is lost at the worst moment: the disk holds what was synced, and what was not it may hold or not."""

import asyncio
import contextlib
import errno
import io
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pygit2
import pytest

from providers.errors import ProviderUnavailable
from providers.git.durability import Durability
from providers.git.embedded import EmbeddedGit
from providers.git.embedded_commits import COMPARED_BYTES
from providers.git.values import CommitInfo, FileChange, MergeMethod, RepositoryKey, Signature, Stream

WHO = Signature(name="Ada", email="ada@example.test", when=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
KEY = RepositoryKey(tenant_id=UUID(int=1), repository_id=UUID(int=2))


def copied(source: str, target: str) -> None:
    """A file that is renamed while it is copied was not written yet when the sync began."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(source, target)


class Disk:
    """A copy of what was synced last."""

    def __init__(self, copies: Path) -> None:
        self.copies = copies
        self.copy = copies / "0"
        self.syncs = 0
        self.full = False

    def __call__(self, folder: Path) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.syncs += 1
        fresh = self.copies / str(self.syncs)
        shutil.copytree(folder, fresh, copy_function=copied)
        self.copy = fresh

    def holds(self, sha: str) -> bool:
        """Whether a repository that had only what was synced has everything that the commit reaches."""
        return self._git("rev-list", "--objects", "--quiet", sha).returncode == 0

    def branches(self) -> dict[str, str]:
        """The refs that were synced."""
        listed = self._git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)").stdout.split()
        return dict(zip(listed[::2], listed[1::2], strict=True))

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        folder = self.copy / KEY.tenant_id.hex / f"{KEY.repository_id.hex}.git"
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)


class SuddenGit(EmbeddedGit):
    """Looks at the disk each time that a ref is about to move."""

    def __init__(self, root: Path, disk: Disk) -> None:
        super().__init__(root, Durability(root, disk))
        self.disk = disk
        self.moved: list[bool] = []

    def _swap(self, key: RepositoryKey, branch: str, old: str | None, new: str | None) -> None:
        self.moved.append(new is None or self.disk.holds(new))
        super()._swap(key, branch, old, new)


@pytest.fixture
async def git(tmp_path: Path) -> SuddenGit:
    git = SuddenGit(tmp_path / "git", Disk(tmp_path / "disk"))
    await git.create(KEY, default_branch="main")
    return git


async def commit(git: SuddenGit, parent: str | None, name: str) -> CommitInfo:
    changes = [FileChange(path=f"{name}/{number}", content=name.encode()) for number in range(3)]
    return await git.write_commit(KEY, parent=parent, changes=changes, author=WHO, committer=WHO, message=name)


async def test_what_a_ref_names_is_on_the_disk_before_it_moves_and_the_move_before_it_is_told(git: SuddenGit) -> None:
    first = await commit(git, None, "a")
    await git.swap(KEY, "main", old=None, new=first.sha)
    assert git.disk.branches() == {"main": first.sha}
    topic = await commit(git, first.sha, "b")
    other = await commit(git, first.sha, "c")
    await git.swap(KEY, "topic/x", old=None, new=topic.sha)
    merged = await git.write_merge(
        KEY, target=other.sha, source=topic.sha, method=MergeMethod.MERGE, author=WHO, committer=WHO, message="m"
    )
    await git.swap(KEY, "main", old=first.sha, new=merged.sha)
    assert git.disk.branches() == {"main": merged.sha, "topic/x": topic.sha}
    await git.swap(KEY, "topic/x", old=topic.sha, new=None)
    assert git.disk.branches() == {"main": merged.sha}
    assert git.moved == [True] * 4


async def test_commits_at_once_share_their_syncs(git: SuddenGit) -> None:
    async def one(name: str) -> str:
        made = await commit(git, None, name)
        await git.swap(KEY, name, old=None, new=made.sha)
        assert git.disk.branches()[name] == made.sha
        return made.sha

    names = [f"b{number}" for number in range(24)]
    shas = await asyncio.gather(*(one(name) for name in names))
    assert git.disk.branches() == dict(zip(names, shas, strict=True))
    assert git.moved == [True] * 24
    assert git.disk.syncs < 24


async def test_a_disk_that_is_full_moves_nothing(git: SuddenGit) -> None:
    first = await commit(git, None, "a")
    git.disk.full = True
    with pytest.raises(ProviderUnavailable, match="No space left on device"):
        await git.swap(KEY, "main", old=None, new=first.sha)
    assert (await git.refs(KEY), git.moved) == ({}, [])
    git.disk.full = False
    await git.swap(KEY, "main", old=None, new=first.sha)
    assert git.moved == [True]


def empty(git: EmbeddedGit, sha: str) -> Path:
    """What a loss of power makes of an object that was written and not synced yet."""
    path = git.path(KEY) / "objects" / sha[:2] / sha[2:]
    path.chmod(0o644)
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize("lost", ["b/0", "b", ""], ids=["file", "folder", "root"])
async def test_a_merge_of_which_power_left_empty_objects_is_written_again(git: SuddenGit, lost: str) -> None:
    async def merged(message: str) -> str:
        made = await git.write_merge(
            KEY, target=ours, source=theirs, method=MergeMethod.MERGE, author=WHO, committer=WHO, message=message
        )
        return made.sha

    lines = [f"{number}\n" for number in range(20)]
    base = await wrote(git, None, "b/0", lines)
    ours = await wrote(git, base, "b/0", ["ours\n", *lines[1:]])
    theirs = await wrote(git, base, "b/0", [*lines[:-1], "theirs\n"])
    folder = git._open(KEY)
    tree = folder[await merged("cut off")].tree
    path = empty(git, str((tree[lost] if lost else tree).id))
    again = await merged("again")
    assert path.stat().st_size > 0
    held = await git.file(KEY, again, "b/0", max_bytes=1_000)
    assert held.data.decode() == "".join(["ours\n", *lines[1:-1], "theirs\n"])


async def wrote(git: SuddenGit, parent: str | None, path: str, lines: list[str]) -> str:
    changes = [FileChange(path=path, content="".join(lines).encode())]
    made = await git.write_commit(KEY, parent=parent, changes=changes, author=WHO, committer=WHO, message="m")
    return made.sha


async def test_a_large_file_that_power_left_empty_is_written_again(git: SuddenGit) -> None:
    content = b"x" * (COMPARED_BYTES + 1)
    large = FileChange(path="large", content=Stream(size=len(content), open=lambda: io.BytesIO(content)))

    async def made() -> str:
        done = await git.write_commit(KEY, parent=None, changes=[large], author=WHO, committer=WHO, message="m")
        return (await git.file(KEY, done.sha, "large", max_bytes=len(content))).sha

    path = empty(git, await made())
    await made()
    assert path.stat().st_size > 0


async def test_what_is_not_mended_by_writing_again_is_told(git: SuddenGit) -> None:
    first = await commit(git, None, "a")
    empty(git, first.tree_hash)
    with pytest.raises(pygit2.GitError):
        await commit(git, first.sha, "b")
