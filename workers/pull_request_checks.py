"""PullRequestCheckWorker: mergeability and required reviews, by themselves."""

from typing import ClassVar

from services.source_control.git import Git, key_of
from services.source_control.pull_requests import Checked, PullRequestService
from storage.access import Access
from storage.engine import Database
from storage.queries.rows import Rows
from storage.queries.source_control import SourceControlQueries
from storage.tables.operations import EventRow
from storage.tables.source_control import BranchRow, PullRequestRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


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

    async def act(self, event: EventRow) -> list[Checked]:
        """What Git says of each open pull request that the event concerns."""
        return [await self._preview(*one) for one in await self._concerned(event)]

    async def _concerned(self, event: EventRow) -> list[tuple[PullRequestRow, RepositoryRow, str, str]]:
        access = Access(tenant_id=event.tenant_id)
        found = []
        async with self._database.reading(access) as session:
            rows, queries = Rows(session, access), SourceControlQueries(session, access)
            if event.subject_type == "Branch":
                branch = await rows.get(BranchRow, event.subject_id)
                wanted = (
                    [] if branch is None else await queries.open_pull_requests_of(branch.repository_id, branch.name)
                )
            else:
                one = await rows.get(PullRequestRow, event.subject_id)
                wanted = [one] if one is not None and one.status == "OPEN" else []
            for row in wanted:
                repository = await rows.get(RepositoryRow, row.repository_id)
                source = await rows.find(BranchRow, repository_id=row.repository_id, name=row.source_branch)
                target = await rows.find(BranchRow, repository_id=row.repository_id, name=row.target_branch)
                if repository is not None and source is not None and target is not None:
                    found.append((row, repository, source.head_sha, target.head_sha))
        return found

    async def _preview(self, row: PullRequestRow, repository: RepositoryRow, source: str, target: str) -> Checked:
        preview = await self._git.preview(key_of(repository), target=target, source=source)
        return Checked(pull_request_id=row.id, source_sha=source, target_sha=target, preview=preview)

    async def record(self, uow: UnitOfWork, event: EventRow, result: list[Checked]) -> None:
        """The rows follow."""
        for seen in result:
            await self._pull_requests.checked(uow, seen)

    async def on_dead_letter(self, uow: UnitOfWork, event: EventRow, reason: str) -> None:
        """The checks stay as they were; a pull request whose checks never ran says so."""
        row = await uow.rows.get(PullRequestRow, event.subject_id, lock=True)
        if row is not None and row.checks_status == "PENDING":
            row.checks_status = "ERROR"
