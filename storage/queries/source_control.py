"""Statements of the source-control context."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.queries.visible import visible
from storage.tables.source_control import CommitRow, PullRequestRow, RefIntentRow, ReviewRow


class SourceControlQueries:
    """Reads of one tenant's repositories."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def _all(self, statement: Any) -> list[Any]:
        return list((await self._session.execute(statement)).scalars())

    async def _one(self, statement: Any) -> Any:
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def open_pull_requests_of(self, repository_id: UUID, branch: str) -> list[PullRequestRow]:
        """The open pull requests that come from or go to the branch."""
        c: Any = PullRequestRow
        return await self._all(
            visible(self._access, PullRequestRow)
            .where(c.repository_id == repository_id, c.status == "OPEN")
            .where(or_(c.source_branch == branch, c.target_branch == branch))
            .order_by(c.id)
        )

    async def commits_by_sha(self, repository_id: UUID, shas: Sequence[str]) -> dict[str, CommitRow]:
        """The recorded ones of these commits, by sha."""
        c: Any = CommitRow
        found = await self._all(
            visible(self._access, CommitRow).where(c.repository_id == repository_id, c.sha.in_(shas))
        )
        return {row.sha: row for row in found}

    async def reviews_of(self, pull_request_id: UUID) -> list[ReviewRow]:
        """Every review, oldest first."""
        c: Any = ReviewRow
        return await self._all(
            visible(self._access, ReviewRow).where(c.pull_request_id == pull_request_id).order_by(c.id)
        )

    async def open_intent(self, repository_id: UUID, branch: str) -> RefIntentRow | None:
        """The ref move of this branch that is not recorded yet."""
        c: Any = RefIntentRow
        statement = visible(self._access, RefIntentRow).where(c.repository_id == repository_id, c.branch == branch)
        found: RefIntentRow | None = await self._one(statement)
        return found


async def intents_before(session: AsyncSession, moment: datetime) -> list[RefIntentRow]:
    """Every tenant's ref moves that were intended before the moment, at most 1,000; in the system role."""
    c: Any = RefIntentRow
    statement = select(RefIntentRow).where(c.created_at <= moment).order_by(c.created_at).limit(1_000)
    return list((await session.execute(statement)).scalars())
