"""Statements of the source-control context."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.queries.visible import visible
from storage.tables.source_control import BranchRow, CommitRow, PullRequestRow, RefIntentRow, RepositoryRow, ReviewRow


class SourceControlQueries:
    """Reads of one tenant's repositories."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def _all(self, statement: Any) -> list[Any]:
        return list((await self._session.execute(statement)).scalars())

    async def _one(self, statement: Any) -> Any:
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def open_pull_requests_of(self, repository_id: UUID, *branches: str) -> list[PullRequestRow]:
        """The open pull requests that come from or go to these branches."""
        c: Any = PullRequestRow
        return await self._all(
            visible(self._access, PullRequestRow)
            .where(c.repository_id == repository_id, c.status == "OPEN")
            .where(or_(c.source_branch.in_(branches), c.target_branch.in_(branches)))
            .order_by(c.id)
        )

    async def open_pull_request_count(self, repository_id: UUID, branch: str) -> int:
        """How many open pull requests come from or go to the branch."""
        c: Any = PullRequestRow
        statement = visible(self._access, PullRequestRow, func.count(c.id))
        statement = statement.where(c.repository_id == repository_id, c.status == "OPEN")
        statement = statement.where(or_(c.source_branch == branch, c.target_branch == branch))
        return int(await self._one(statement) or 0)

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

    async def branches_named(self, repository_id: UUID, names: Sequence[str]) -> dict[str, BranchRow]:
        """The branches with these names, by name."""
        c: Any = BranchRow
        found = await self._all(
            visible(self._access, BranchRow).where(c.repository_id == repository_id, c.name.in_(names))
        )
        return {row.name: row for row in found}

    async def heads(self, repository_id: UUID) -> list[str]:
        """The shas that the repository's branches stand at, each once."""
        c: Any = BranchRow
        statement = visible(self._access, BranchRow, c.head_sha).where(c.repository_id == repository_id)
        return await self._all(statement.distinct())

    async def branches_in_the_way(self, repository_id: UUID, name: str) -> list[str]:
        """The names of branches that no branch of this name can stand beside: itself, those above, one below."""
        c: Any = BranchRow
        parts = name.split("/")
        taken = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        below = c.name.startswith(name + "/", autoescape=True)
        statement = visible(self._access, BranchRow, c.name).where(c.repository_id == repository_id)
        return await self._all(statement.where(or_(c.name.in_(taken), below)).order_by(c.name).limit(len(parts) + 1))

    async def is_open_intent(self, intent_id: UUID) -> bool:
        """Whether the intent is not settled yet; locks it until the commit."""
        c: Any = RefIntentRow
        statement = visible(self._access, RefIntentRow, c.id).where(c.id == intent_id).with_for_update()
        return (await self._session.execute(statement)).first() is not None

    async def close_intent(self, intent_id: UUID) -> bool:
        """Deletes the intent; False when another has."""
        c: Any = RefIntentRow
        statement = delete(RefIntentRow).where(c.tenant_id == self._access.tenant_id, c.id == intent_id)
        done: Any = await self._session.execute(statement, execution_options={"synchronize_session": False})
        return bool(done.rowcount)

    async def maintain_later(self, repository_id: UUID, at: datetime) -> None:
        """Plans the repository's maintenance, unless it is planned; no change of the row that anybody counts."""
        c: Any = RepositoryRow.__table__.c  # type: ignore[attr-defined]  # SQLModel hides the table
        mine = (c.tenant_id == self._access.tenant_id, c.id == repository_id, c.maintain_at.is_(None))
        await self._session.execute(update(RepositoryRow.__table__).where(*mine).values(maintain_at=at))  # type: ignore[attr-defined]  # as above

    async def maintained(self, repository_id: UUID, due_at: datetime) -> None:
        """Nothing is planned any more, unless it was planned anew."""
        c: Any = RepositoryRow.__table__.c  # type: ignore[attr-defined]  # as above
        mine = (c.tenant_id == self._access.tenant_id, c.id == repository_id, c.maintain_at <= due_at)
        await self._session.execute(update(RepositoryRow.__table__).where(*mine).values(maintain_at=None))  # type: ignore[attr-defined]  # as above


async def intents_before(session: AsyncSession, moment: datetime) -> list[RefIntentRow]:
    """Every tenant's ref moves that were intended before the moment, at most 1,000; in the system role."""
    c: Any = RefIntentRow
    statement = select(RefIntentRow).where(c.created_at <= moment).order_by(c.created_at).limit(1_000)
    return list((await session.execute(statement)).scalars())


async def repositories_to_maintain(
    session: AsyncSession, moment: datetime, limit: int
) -> list[tuple[UUID, UUID, datetime]]:
    """(tenant, id, due time) of every tenant's repositories whose maintenance is due; in the system role."""
    c: Any = RepositoryRow
    statement = select(c.tenant_id, c.id, c.maintain_at).where(c.maintain_at <= moment)
    found = await session.execute(statement.order_by(c.maintain_at).limit(limit))
    return [(row[0], row[1], row[2]) for row in found]
