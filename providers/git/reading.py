"""The port to reading commits, trees and files."""

from typing import Protocol

from providers.git.values import CommitInfo, Diff, FileContent, MergePreview, RepositoryKey, TreeEntry


class GitReading(Protocol):
    """Reads by sha, so an answer never changes. Raises RevisionMissing and PathMissing."""

    async def commit(self, key: RepositoryKey, sha: str) -> CommitInfo:
        """One commit."""
        ...

    async def commits(
        self, key: RepositoryKey, start: str, *, limit: int, after: str | None = None, until: str | None = None
    ) -> list[CommitInfo]:
        """Newest first from ``start``, going on after a sha, without what ``until`` reaches."""
        ...

    async def shas(
        self, key: RepositoryKey, start: str, *, limit: int, after: str | None = None, until: str | None = None
    ) -> list[str]:
        """The shas of ``commits``, without the cost of comparing each with its parent."""
        ...

    async def tree(
        self, key: RepositoryKey, sha: str, path: str = "", *, limit: int = 1_000, after: str | None = None
    ) -> list[TreeEntry]:
        """The entries of one folder, in Git's order, going on after a name."""
        ...

    async def file(self, key: RepositoryKey, sha: str, path: str, *, max_bytes: int) -> FileContent:
        """A file; FileTooLarge when it is larger than ``max_bytes``."""
        ...

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
        """What ``head`` changed since ``base`` (None: since nothing), or since where the two parted; finds renames."""
        ...

    async def preview(self, key: RepositoryKey, *, target: str, source: str) -> MergePreview:
        """Whether ``source`` would merge into ``target``."""
        ...

    async def is_ancestor(self, key: RepositoryKey, ancestor: str, descendant: str) -> bool:
        """Whether one commit reaches the other; a commit reaches itself."""
        ...
