"""PullRequestCheckWorker: mergeability and required reviews, by themselves."""

from typing import ClassVar

from services.source_control.git import Git, key_of
from services.source_control.pull_requests import Checked, PullRequestService
from storage.engine import Database
from storage.queries.rows import Rows
from storage.queries.source_control import SourceControlQueries
from storage.tables.operations import EventRow
from storage.tables.source_control import BranchRow, PullRequestRow, RepositoryRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery
from workers.worker import Progress


class PullRequestCheckWorker:
    """Works from the rows as they are, never from the event's content: a late delivery says what is true now."""

    name: ClassVar[str] = "PullRequestCheckWorker"
    wakes_on: ClassVar[tuple[str, ...]] = ("PullRequestOpened", "BranchUpdated", "PullRequestReviewed")
    attempts: ClassVar[int] = 5
    timeout: ClassVar[float] = 60.0

    def __init__(self, database: Database, git: Git, pull_requests: PullRequestService) -> None:
        self._database = database
        self._git = git
        self._pull_requests = pull_requests

    def wants(self, event: EventRow) -> bool:
        """A branch that moved only when it was some open pull request's source or target as it moved."""
        return event.event_type != "BranchUpdated" or event.payload["openPullRequests"] > 0

    async def act(self, delivery: Delivery, progress: Progress) -> list[Checked]:
        """What Git says of each open pull request that the event concerns."""
        return [await self._preview(*one) for one in await self._concerned(delivery)]

    async def _concerned(self, delivery: Delivery) -> list[tuple[PullRequestRow, RepositoryRow, str, str]]:
        access, found = delivery.access, []
        async with self._database.reading(access) as session:
            rows = Rows(session, access)
            for row in await _open(rows, SourceControlQueries(session, access), delivery):
                repository = await rows.get(RepositoryRow, row.repository_id)
                source = await rows.find(BranchRow, repository_id=row.repository_id, name=row.source_branch)
                target = await rows.find(BranchRow, repository_id=row.repository_id, name=row.target_branch)
                if repository is not None and source is not None and target is not None:
                    found.append((row, repository, source.head_sha, target.head_sha))
        return found

    async def _preview(self, row: PullRequestRow, repository: RepositoryRow, source: str, target: str) -> Checked:
        preview = await self._git.preview(key_of(repository), target=target, source=source)
        return Checked(pull_request_id=row.id, source_sha=source, target_sha=target, preview=preview)

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: list[Checked]) -> None:
        """The rows follow."""
        for seen in result:
            await self._pull_requests.checked(uow, seen)

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """Every open pull request whose checks were due says that they could not speak."""
        for row in await _open(uow.rows, uow.source_control, delivery):
            await self._pull_requests.unchecked(uow, row.id)


async def _open(rows: Rows, queries: SourceControlQueries, delivery: Delivery) -> list[PullRequestRow]:
    if delivery.subject_type == "Branch":
        branch = await rows.get(BranchRow, delivery.subject_id)
        return [] if branch is None else await queries.open_pull_requests_of(branch.repository_id, branch.name)
    row = await rows.get(PullRequestRow, delivery.subject_id)
    return [row] if row is not None and row.status == "OPEN" else []
