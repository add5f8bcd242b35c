"""What Git holds, read for people and agents: no unit of work is open meanwhile, and every read has a timeout."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from providers.git.paths import check_branch_name, check_read_path
from providers.git.values import CommitInfo, Diff, FileContent, MergePreview, RepositoryKey, TreeEntry
from services.errors import PreconditionFailed, ProviderDown, absent
from services.source_control.git import Git, key_of, told
from services.source_control.repositories import RepositoryStatus
from storage.tables.source_control import RepositoryRow

R = TypeVar("R")
SECONDS: Final = 5.0
AT_ONCE: Final = 3
FILE_BYTES: Final = 1_048_576
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class FileAt:
    """A file and the commit it was read at."""

    commit_sha: str
    content: FileContent


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What merging one sha into another would do."""

    source_sha: str
    target_sha: str
    preview: MergePreview


class ReadingService:
    """Reads within bounds; a ref is a branch or a full sha, None the default branch."""

    def __init__(self, git: Git, *, seconds: float = SECONDS) -> None:
        self._git = git
        self._seconds = seconds
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def resolve(self, row: RepositoryRow, ref: str | None) -> str:
        """The sha of a ref; NotFound says that neither a branch nor a commit has the name."""
        return await self._within(lambda: self._sha(key_of(readable(row)), ref or row.default_branch, "ref"))

    async def tree(
        self, row: RepositoryRow, sha: str, path: str, *, limit: int, after: str | None = None
    ) -> list[TreeEntry]:
        """The entries of one folder, going on after a name."""
        with told():
            check_read_path(path, folder=True)
        return await self._within(lambda: self._git.tree(key_of(row), sha, path, limit=limit, after=after))

    async def file(self, row: RepositoryRow, ref: str | None, path: str) -> FileAt:
        """A file of at most 1 MiB."""
        key = key_of(readable(row))
        with told():
            check_read_path(path)

        async def read() -> FileAt:
            sha = await self._sha(key, ref or row.default_branch, "ref")
            return FileAt(commit_sha=sha, content=await self._git.file(key, sha, path, max_bytes=FILE_BYTES))

        return await self._within(read)

    async def history(
        self, row: RepositoryRow, start: str, *, limit: int, after: str | None = None, until: str | None = None
    ) -> list[str]:
        """The shas that a sha reaches, newest first, going on after one."""
        return await self._within(lambda: self._git.shas(key_of(row), start, limit=limit, after=after, until=until))

    async def commits(self, row: RepositoryRow, shas: Sequence[str]) -> list[CommitInfo]:
        """These commits as Git tells them, oldest first when they were newest first."""

        async def read() -> list[CommitInfo]:
            return [await self._git.commit(key_of(row), sha) for sha in reversed(shas)]

        return await self._within(read)

    async def branches_with(self, row: RepositoryRow, sha: str) -> list[str]:
        """The branches that reach a commit, the default one first; none for what only lies about in the store."""
        found = await self._within(lambda: self._git.refs(key_of(readable(row)), containing=sha))
        return sorted(found, key=lambda name: (name != row.default_branch, name))

    async def diff(
        self, row: RepositoryRow, base: str | None, head: str, *, patches: bool, from_merge_base: bool = False
    ) -> Diff:
        """What ``head`` changed since ``base`` (None: since nothing); both are refs."""
        key = key_of(readable(row))

        async def read() -> Diff:
            old = None if base is None else await self._sha(key, base, "base")
            new = await self._sha(key, head, "head")
            return await self._git.diff(key, old, new, patches=patches, from_merge_base=from_merge_base)

        return await self._within(read)

    async def merge(self, row: RepositoryRow, source: str, target: str | None) -> Merge:
        """Whether a ref would merge into another, and the paths where it would not."""
        key = key_of(readable(row))

        async def read() -> Merge:
            old = await self._sha(key, target or row.default_branch, "target")
            new = await self._sha(key, source, "source")
            preview = await self._git.preview(key, target=old, source=new)
            return Merge(source_sha=new, target_sha=old, preview=preview)

        return await self._within(read)

    async def _sha(self, key: RepositoryKey, ref: str, field: str) -> str:
        with told(field=field):
            if _SHA.fullmatch(ref):
                return (await self._git.shas(key, ref, limit=1))[0]
            check_branch_name(ref)
            found = await self._git.head(key, ref)
        if found is None:
            raise absent("branch", ref, field=field)
        return found

    async def _within(self, read: Callable[[], Awaitable[R]]) -> R:
        """A read that takes too long is given up; it holds its place until it has really ended."""
        try:
            with told(field="ref"):
                async with asyncio.timeout(self._seconds):
                    await self._slots.acquire()
                    running = asyncio.ensure_future(read())
                    running.add_done_callback(self._ended)
                    return await asyncio.shield(running)
        except TimeoutError as error:
            raise ProviderDown(f"reading Git took over {self._seconds:g} s and was given up: ask for less") from error

    def _ended(self, running: "asyncio.Future[R]") -> None:
        self._slots.release()
        if not running.cancelled():
            running.exception()


def readable(row: RepositoryRow) -> RepositoryRow:
    """The repository, when it has been made; an archived one stays readable."""
    if row.status in {RepositoryStatus.PROVISIONING, RepositoryStatus.FAILED}:
        raise PreconditionFailed(f"the repository is {row.status}: nothing can be read before it is PROVISIONED")
    return row
