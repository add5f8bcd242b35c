"""Statements of the source-control context."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.queries.kept import ask
from storage.queries.visible import visible
from storage.tables.source_control import BranchRow, CommitRow, PullRequestRow, RefIntentRow, RepositoryRow, ReviewRow


class SourceControlQueries:
    """Reads of one tenant's repositories."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def _all(self, statement: Any) -> list[Any]:
        return list((await self._session.execute(statement)).scalars())

    async def open_pull_requests_of(self, repository_id: UUID, *branches: str) -> list[PullRequestRow]:
        """The open pull requests that come from or go to these branches."""
        found = await ask(self._session, self._access, _open_of, repository=repository_id, branches=branches)
        return list(found.scalars())

    async def open_pull_request_count(self, repository_id: UUID, branch: str) -> int:
        """How many open pull requests come from or go to the branch."""
        found = await ask(self._session, self._access, _open_count, repository=repository_id, branch=branch)
        return int(found.scalar_one())

    async def commits_by_sha(self, repository_id: UUID, shas: Sequence[str]) -> dict[str, CommitRow]:
        """The recorded ones of these commits, by sha."""
        found = await ask(self._session, self._access, _commits, repository=repository_id, shas=shas)
        return {row.sha: row for row in found.scalars()}

    async def reviews_of(self, pull_request_id: UUID) -> list[ReviewRow]:
        """Every review, oldest first."""
        found = await ask(self._session, self._access, _reviews, pull_request=pull_request_id)
        return list(found.scalars())

    async def branches_named(self, repository_id: UUID, names: Sequence[str]) -> dict[str, BranchRow]:
        """The branches with these names, by name."""
        found = await ask(self._session, self._access, _branches, repository=repository_id, names=names)
        return {row.name: row for row in found.scalars()}

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
        done = await ask(self._session, self._access, _without_intent, intent=intent_id)
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


def _open_of(sight: Any) -> Any:
    c: Any = PullRequestRow
    branches: Any = bindparam("branches", expanding=True)
    statement = visible(sight, PullRequestRow).where(c.repository_id == bindparam("repository"), c.status == "OPEN")
    return statement.where(or_(c.source_branch.in_(branches), c.target_branch.in_(branches))).order_by(c.id)


def _open_count(sight: Any) -> Any:
    c: Any = PullRequestRow
    statement = visible(sight, PullRequestRow, func.count(c.id))
    statement = statement.where(c.repository_id == bindparam("repository"), c.status == "OPEN")
    return statement.where(or_(c.source_branch == bindparam("branch"), c.target_branch == bindparam("branch")))


def _commits(sight: Any) -> Any:
    c: Any = CommitRow
    shas: Any = bindparam("shas", expanding=True)
    return visible(sight, CommitRow).where(c.repository_id == bindparam("repository"), c.sha.in_(shas))


def _reviews(sight: Any) -> Any:
    c: Any = ReviewRow
    return visible(sight, ReviewRow).where(c.pull_request_id == bindparam("pull_request")).order_by(c.id)


def _branches(sight: Any) -> Any:
    c: Any = BranchRow
    names: Any = bindparam("names", expanding=True)
    return visible(sight, BranchRow).where(c.repository_id == bindparam("repository"), c.name.in_(names))


def _without_intent(sight: Any) -> Any:
    """No row of the session is asked whether it is this one: nobody reads intents to change them."""
    c: Any = RefIntentRow
    mine = (c.tenant_id == sight.tenant_id, c.id == bindparam("intent"))
    return delete(RefIntentRow).where(*mine).execution_options(synchronize_session=False)


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
