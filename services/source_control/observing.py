"""What came with a move, asked of Git: for a push before its refs move, for a left-over intent afterwards."""

from collections.abc import Sequence
from uuid import UUID

from providers.git.transport import GitTransport
from providers.git.values import CommitInfo
from services.source_control.git import Git, key_of
from services.source_control.ref_moves import MOST_COMMITS, PUSH, Arrival
from storage.tables.source_control import PullRequestRow, RefIntentRow, RepositoryRow


class Observer:
    """Reads Git and holds no unit of work meanwhile."""

    def __init__(self, git: Git, transport: GitTransport) -> None:
        self._git = git
        self._transport = transport

    async def arrival(
        self, intent: RefIntentRow, known: Sequence[str], open_: Sequence[PullRequestRow]
    ) -> Arrival | None:
        """What Git says of an intent that is left over, or None when the ref did not move."""
        key, new = key_of(intent), intent.new_sha
        head = await self._git.head(key, intent.branch)
        if new is None:
            return Arrival() if head is None else None
        if head is None or head == intent.old_sha or not (head == new or await self._git.is_ancestor(key, new, head)):
            return None
        if intent.kind != PUSH:
            return Arrival(commits=(await self._git.commit(key, new),))
        (commits,) = await self.commits(intent, [new], known)
        return Arrival(commits=commits, merges=await self.merges(intent, intent.branch, new, open_))

    async def commits(
        self, of: RefIntentRow | RepositoryRow, tips: Sequence[str], known: Sequence[str]
    ) -> list[tuple[CommitInfo, ...]]:
        """What each tip brings that no known head reaches: the newest thousand, older ones have no rows."""
        return await self._transport.arrived(key_of(of), tips, known=known, limit=MOST_COMMITS)

    async def merges(
        self, of: RefIntentRow | RepositoryRow, branch: str, tip: str, open_: Sequence[PullRequestRow]
    ) -> tuple[UUID, ...]:
        """The open pull requests into the branch whose source the tip reaches."""
        into = [row for row in open_ if row.target_branch == branch]
        return tuple([row.id for row in into if await self._git.is_ancestor(key_of(of), row.source_sha, tip)])
