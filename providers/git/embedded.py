"""Git on this machine: bare repositories in a folder, written and read by libgit2."""

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

import pygit2

from providers.errors import ProviderUnavailable
from providers.git import embedded_reading as reading
from providers.git.durability import Durability, drop_empty_objects
from providers.git.embedded_commits import write_commit, write_merge
from providers.git.embedded_diff import diff
from providers.git.embedded_objects import NewObjects
from providers.git.errors import MaintenanceUnderWay, RefMoved, RepositoryMissing
from providers.git.paths import check_branch_name
from providers.git.processes import environment, run
from providers.git.values import (
    CommitInfo,
    Diff,
    FileChange,
    FileContent,
    MergeMethod,
    MergePreview,
    RepositoryKey,
    Signature,
    TreeEntry,
)

MAINTENANCE_SECONDS: Final = 600
LEFT_OVER_SECONDS: Final = MAINTENANCE_SECONDS + 60
_MAINTENANCE: Final = ("maintenance", "run", "--quiet", "--task=gc", "--task=commit-graph")
_CONFIG: Final[dict[str, str]] = {
    "http.receivepack": "true",
    "receive.denyNonFastForwards": "true",
    "transfer.fsckObjects": "true",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "gc.auto": "0",
}


class EmbeddedGit:
    """GitRepositories, GitCommits and GitReading in one; a handle per call, so any thread may ask."""

    def __init__(self, root: Path, durability: Durability | None = None) -> None:
        self._root = root
        self._durability = durability or Durability(root)

    def path(self, key: RepositoryKey) -> Path:
        """``<root>/<tenant>/<repository>.git``, by id."""
        return self._root / key.tenant_id.hex / f"{key.repository_id.hex}.git"

    def _folder(self, key: RepositoryKey) -> Path:
        path = self.path(key)
        if not (path / "HEAD").exists():
            raise RepositoryMissing(f"repository {key.repository_id.hex} is not on this machine")
        return path

    def _open(self, key: RepositoryKey) -> pygit2.Repository:
        return pygit2.Repository(str(self._folder(key)), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)

    def _objects(self, repository: pygit2.Repository) -> NewObjects:
        return NewObjects(repository)

    async def create(self, key: RepositoryKey, *, default_branch: str) -> None:
        """Idempotent; HEAD names the default branch."""
        check_branch_name(default_branch)
        await asyncio.to_thread(self._create, key, default_branch)

    def _create(self, key: RepositoryKey, default_branch: str) -> None:
        """Made aside and renamed into place: nobody ever meets a half-made one, and of two makers one wins."""
        path = self.path(key)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{uuid4().hex}")
        repository = pygit2.init_repository(str(aside), bare=True, initial_head=default_branch)
        for name, value in _CONFIG.items():
            repository.config[name] = value
        try:
            aside.rename(path)
        except OSError:
            shutil.rmtree(aside)
            if not path.exists():
                raise

    async def refs(self, key: RepositoryKey, *, containing: str | None = None) -> dict[str, str]:
        """Branches only."""
        return await asyncio.to_thread(lambda: reading.refs(self._open(key), containing))

    async def head(self, key: RepositoryKey, branch: str) -> str | None:
        """The branch's sha, or None."""
        return await asyncio.to_thread(lambda: _target(self._open(key), branch))

    async def swap(self, key: RepositoryKey, branch: str, *, old: str | None, new: str | None) -> None:
        """Atomic against every other writer, stock git included: libgit2 takes Git's own lock file and compares.

        What the ref names is on the disk before it moves, and its move before this answers.
        """
        check_branch_name(branch)
        self._folder(key)
        if new is not None:
            await self._durability.hold(new)
        await asyncio.to_thread(self._swap, key, branch, old, new)
        await self._durability.hold()

    def _swap(self, key: RepositoryKey, branch: str, old: str | None, new: str | None) -> None:
        repository = self._open(key)
        name = f"refs/heads/{branch}"
        try:
            if old is None:
                if new is not None:
                    repository.references.create(name, new, force=False)
                return
            reference = repository.references.get(name)
            if reference is None or str(reference.target) != old:
                raise RefMoved(branch, old, None if reference is None else str(reference.target))
            if new is None:
                reference.delete()
            else:
                reference.set_target(new)
        except (pygit2.GitError, ValueError, OSError) as error:
            raise RefMoved(branch, old, _target(repository, branch)) from error

    async def maintain(self, key: RepositoryKey) -> None:
        """gc and the commit graph, by stock git; the lock of a killed one is removed once it must have ended."""
        folder = self._folder(key)
        await asyncio.to_thread(_drop_left_over, folder / "objects" / "maintenance.lock")
        code, told = await run(_MAINTENANCE, folder, source=b"", env=environment(), seconds=MAINTENANCE_SECONDS)
        if code != 0:
            raise ProviderUnavailable(f"git maintenance failed: {told[:400]}")

    async def write_commit(
        self,
        key: RepositoryKey,
        *,
        parent: str | None,
        changes: Sequence[FileChange],
        author: Signature,
        committer: Signature,
        message: str,
        allow_empty: bool = False,
    ) -> CommitInfo:
        """In process, only the touched folders' trees."""

        def write(repository: pygit2.Repository) -> CommitInfo:
            objects = self._objects(repository)
            return write_commit(repository, objects, parent, changes, (author, committer), message, allow_empty)

        return await self._written(key, write)

    async def write_merge(
        self,
        key: RepositoryKey,
        *,
        target: str,
        source: str,
        method: MergeMethod,
        author: Signature,
        committer: Signature,
        message: str,
    ) -> CommitInfo:
        """In process, without a work tree."""

        def write(repository: pygit2.Repository) -> CommitInfo:
            return reading.info(
                repository, write_merge(repository, (target, source), method, (author, committer), message)
            )

        return await self._written(key, write)

    async def _written(self, key: RepositoryKey, write: Callable[[pygit2.Repository], CommitInfo]) -> CommitInfo:
        """libgit2 takes an object that is there for written: an empty one is removed, and everything written again."""

        def attempt() -> CommitInfo:
            try:
                return write(self._open(key))
            except pygit2.GitError:
                if not drop_empty_objects(self._folder(key)):
                    raise
                return write(self._open(key))

        made = await asyncio.to_thread(attempt)
        self._durability.begin(made.sha)
        return made

    async def commit(self, key: RepositoryKey, sha: str) -> CommitInfo:
        """One commit."""
        return await asyncio.to_thread(lambda: reading.commit(self._open(key), sha))

    async def commits(
        self, key: RepositoryKey, start: str, *, limit: int, after: str | None = None, until: str | None = None
    ) -> list[CommitInfo]:
        """Newest first."""
        return await asyncio.to_thread(lambda: reading.commits(self._open(key), start, limit, after, until))

    async def shas(
        self, key: RepositoryKey, start: str, *, limit: int, after: str | None = None, until: str | None = None
    ) -> list[str]:
        """Newest first."""
        return await asyncio.to_thread(lambda: reading.shas(self._open(key), start, limit, after, until))

    async def tree(
        self, key: RepositoryKey, sha: str, path: str = "", *, limit: int = 1_000, after: str | None = None
    ) -> list[TreeEntry]:
        """One folder."""
        return await asyncio.to_thread(lambda: reading.tree(self._open(key), sha, path, limit, after))

    async def file(self, key: RepositoryKey, sha: str, path: str, *, max_bytes: int) -> FileContent:
        """One file."""
        return await asyncio.to_thread(lambda: reading.file(self._open(key), sha, path, max_bytes))

    async def diff(
        self,
        key: RepositoryKey,
        base: str | None,
        head: str,
        *,
        patches: bool,
        limit: int = 300,
        from_merge_base: bool = False,
    ) -> Diff:
        """Between two commits."""

        def compare() -> Diff:
            return diff(self._open(key), base, head, patches=patches, limit=limit, from_merge_base=from_merge_base)

        return await asyncio.to_thread(compare)

    async def preview(self, key: RepositoryKey, *, target: str, source: str) -> MergePreview:
        """A merge that is thrown away."""
        return await asyncio.to_thread(lambda: reading.preview(self._open(key), target, source))

    async def is_ancestor(self, key: RepositoryKey, ancestor: str, descendant: str) -> bool:
        """By the commit graph."""
        return await asyncio.to_thread(lambda: reading.is_ancestor(self._open(key), ancestor, descendant))


def _target(repository: pygit2.Repository, branch: str) -> str | None:
    reference = repository.references.get(f"refs/heads/{branch}")
    return None if reference is None else str(reference.target)


def _drop_left_over(lock: Path) -> None:
    """Git would say nothing and do nothing while the lock is there."""
    try:
        age = time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        return
    if age < LEFT_OVER_SECONDS:
        raise MaintenanceUnderWay(f"{lock} is {age:.0f} s old: another maintenance is under way")
    lock.unlink(missing_ok=True)
