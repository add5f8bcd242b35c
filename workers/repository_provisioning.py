"""RepositoryProvisioningWorker: makes the repository with its first commit."""

from typing import ClassVar, Protocol

from providers.git.commits import GitCommits
from providers.git.errors import RefMoved
from providers.git.reading import GitReading
from providers.git.repositories import GitRepositories
from providers.git.values import CommitInfo, FileChange, RepositoryKey, Signature
from services.platform.environments import EnvironmentService
from services.source_control.repositories import RepositoryService
from storage.engine import Database
from storage.queries.rows import Rows
from storage.tables.operations import EventRow
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery
from workers.errors import Ignore, Retry
from workers.worker import Progress

_IGNORED = b"__pycache__/\n*.pyc\n.venv/\ndist/\nbuild/\nnode_modules/\nbin/\nobj/\n"


class Git(GitRepositories, GitCommits, GitReading, Protocol):
    """All of Git that provisioning needs."""


class RepositoryProvisioningWorker:
    """Adopts what a try before it has made: the first commit is the same bytes each time."""

    name: ClassVar[str] = "RepositoryProvisioningWorker"
    wakes_on: ClassVar[tuple[str, ...]] = ("RepositoryProvisioningRequested",)
    attempts: ClassVar[int] = 5
    timeout: ClassVar[float] = 60.0

    def __init__(
        self, database: Database, git: Git, repositories: RepositoryService, environments: EnvironmentService
    ) -> None:
        self._database = database
        self._git = git
        self._repositories = repositories
        self._environments = environments

    def wants(self, event: EventRow) -> bool:
        """All of them."""
        return True

    async def act(self, delivery: Delivery, progress: Progress) -> CommitInfo:
        """The first commit, on the default branch."""
        async with self._database.reading(delivery.access) as session:
            row = await Rows(session, delivery.access).get(RepositoryRow, delivery.subject_id)
        if row is None or row.status != "PROVISIONING":
            raise Ignore("the repository is not waiting to be made")
        key = RepositoryKey(tenant_id=row.tenant_id, repository_id=row.id)
        await self._git.create(key, default_branch=row.default_branch)
        head = await self._git.head(key, row.default_branch)
        if head is None:
            head = await self._first_commit(key, row, delivery)
        return await self._git.commit(key, head)

    async def _first_commit(self, key: RepositoryKey, row: RepositoryRow, delivery: Delivery) -> str:
        who = Signature(name="Slipway", email="slipway@localhost", when=delivery.occurred_at)
        readme = f"# {row.name}\n\n{row.description}\n" if row.description else f"# {row.name}\n"
        first = await self._git.write_commit(
            key,
            parent=None,
            changes=[
                FileChange(path="README.md", content=readme.encode()),
                FileChange(path=".gitignore", content=_IGNORED),
            ],
            author=who,
            committer=who,
            message=f"Provision {row.name}\n",
        )
        try:
            await self._git.swap(key, row.default_branch, old=None, new=first.sha)
        except RefMoved as error:
            if error.actual is None:
                raise Retry(str(error)) from error
            return error.actual
        return first.sha

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: CommitInfo) -> None:
        """The rows follow Git, and an environment its repository."""
        await self._repositories.provisioned(uow, delivery.subject_id, result)
        await self._environments.repository_made(uow, delivery.subject_id, failed=False)

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """The repository is FAILED, and says why."""
        await self._repositories.provisioning_failed(uow, delivery.subject_id, reason)
        await self._environments.repository_made(uow, delivery.subject_id, failed=True)
