"""The port to writing commits; objects only, no ref moves."""

from collections.abc import Sequence
from typing import Protocol

from providers.git.values import CommitInfo, FileChange, MergeMethod, RepositoryKey, Signature


class GitCommits(Protocol):
    """Writes Git objects, which has no effect until a ref names them; the same input gives the same sha."""

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
        """The commit. InvalidChange, EmptyChange, RevisionMissing."""
        ...

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
        """The commit that the target shall stand at. MergeConflict, NotFastForward, RevisionMissing."""
        ...
