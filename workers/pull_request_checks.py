"""PullRequestCheckWorker: mergeability and required reviews, by themselves, and which commits are proposed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.source_control.checks import MOST_PROPOSED, Checked, Standing, checked, not_checked, standing
from services.source_control.git import Git, key_of
from storage.engine import Database
from storage.ids import parse_id
from storage.tables.operations import EventRow
from storage.tables.source_control import BranchRow, PullRequestRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery
from workers.worker import Progress


@dataclass(frozen=True, kw_only=True)
class Concerned:
    """An open pull request and where it stands."""

    row: PullRequestRow
    now: Standing


class PullRequestCheckWorker:
    """Works from the rows as they are, never from the event's content: a late delivery says what is true now."""

    name: ClassVar[str] = "PullRequestCheckWorker"
    wakes_on: ClassVar[tuple[str, ...]] = (
        "PullRequestOpened",
        "PullRequestReviewed",
        "BranchCreated",
        "BranchUpdated",
        "BranchProtected",
        "BranchDeleted",
    )
    attempts: ClassVar[int] = 5
    timeout: ClassVar[float] = 60.0

    def __init__(self, database: Database, git: Git) -> None:
        self._database = database
        self._git = git

    def wants(self, event: EventRow) -> bool:
        """A branch that moved only when it was some open pull request's source or target as it moved."""
        return event.event_type != "BranchUpdated" or event.payload["openPullRequests"] > 0

    async def act(self, delivery: Delivery, progress: Progress) -> list[Checked]:
        """What Git says of each open pull request that the event concerns."""
        async with self._reading(delivery) as uow:
            concerned = await _concerned(uow, delivery)
        return [await self._look(delivery, one) for one in concerned]

    async def _look(self, delivery: Delivery, one: Concerned) -> Checked:
        row, source, target = one.row, one.now.source, one.now.target
        if source is None or target is None:
            heads = [None if branch is None else branch.head_sha for branch in (source, target)]
            return Checked(pull_request_id=row.id, source_sha=heads[0], target_sha=heads[1])
        key = key_of(one.now.repository)
        ends = (source.head_sha, target.head_sha)
        shas = await self._git.shas(key, ends[0], limit=MOST_PROPOSED, until=ends[1])
        async with self._reading(delivery) as uow:
            known = await uow.source_control.commits_by_sha(row.repository_id, shas)
        return Checked(
            pull_request_id=row.id,
            source_sha=ends[0],
            target_sha=ends[1],
            preview=await self._git.preview(key, target=ends[1], source=ends[0]),
            proposed=shas,
            unrecorded=[await self._git.commit(key, sha) for sha in reversed(shas) if sha not in known],
        )

    @asynccontextmanager
    async def _reading(self, delivery: Delivery) -> AsyncIterator[UnitOfWork]:
        """A unit of work that is never committed."""
        async with self._database.reading(delivery.access) as session:
            yield UnitOfWork(session, delivery.access, delivery.cause)

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: list[Checked]) -> None:
        """The rows follow."""
        for seen in result:
            await checked(uow, seen)

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """Every pull request that the event concerns says that its checks could not run."""
        for one in await _concerned(uow, delivery):
            await not_checked(uow, one.row)


async def _concerned(uow: UnitOfWork, delivery: Delivery) -> list[Concerned]:
    found = []
    for row in await _open(uow, delivery):
        now = await standing(uow, row)
        if now is not None:
            found.append(Concerned(row=row, now=now))
    return found


async def _open(uow: UnitOfWork, delivery: Delivery) -> list[PullRequestRow]:
    if delivery.subject_type == "PullRequest":
        one = await uow.rows.get(PullRequestRow, delivery.subject_id)
        return [one] if one is not None and one.status == "OPEN" else []
    repository_id, name = await _branch(uow, delivery)
    return await uow.source_control.open_pull_requests_of(repository_id, name)


async def _branch(uow: UnitOfWork, delivery: Delivery) -> tuple[UUID, str]:
    """Of a branch that is deleted only the event knows which it was."""
    row = await uow.rows.get(BranchRow, delivery.subject_id)
    if row is not None:
        return row.repository_id, row.name
    return parse_id(str(delivery.payload["repositoryId"]))[1], str(delivery.payload["name"])
