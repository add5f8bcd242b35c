"""RepositoryProvisioningWorker: makes the repository with its first commit."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from providers.git.commits import GitCommits
from providers.git.errors import RefMoved
from providers.git.reading import GitReading
from providers.git.repositories import GitRepositories
from providers.git.values import CommitInfo, FileChange, RepositoryKey, Signature
from services.pipelines.generation import PATH, PipelineGeneratorService, generate
from services.platform.environments import EnvironmentService
from services.source_control.repositories import RepositoryService
from storage.engine import Database
from storage.queries.rows import Rows
from storage.tables.operations import EventRow
from storage.tables.platform import ModuleRow
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery
from workers.errors import Ignore, Retry
from workers.worker import Progress


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the default branch holds first; ``pipeline`` is None in an environment's repository."""

    first: CommitInfo
    pipeline: str | None


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
        self,
        database: Database,
        git: Git,
        repositories: RepositoryService,
        environments: EnvironmentService,
        pipelines: PipelineGeneratorService,
    ) -> None:
        self._database = database
        self._git = git
        self._repositories = repositories
        self._environments = environments
        self._pipelines = pipelines

    def wants(self, event: EventRow) -> bool:
        """All of them."""
        return True

    async def act(self, delivery: Delivery, progress: Progress) -> Made:
        """The first commit, on the default branch; what it holds is told by Git, also when a try before made it."""
        async with self._database.reading(delivery.access) as session:
            rows = Rows(session, delivery.access)
            row = await rows.get(RepositoryRow, delivery.subject_id)
            if row is None or row.status != "PROVISIONING":
                raise Ignore("the repository is not waiting to be made")
            module = None if row.module_id is None else await rows.get(ModuleRow, row.module_id)
        key = RepositoryKey(tenant_id=row.tenant_id, repository_id=row.id)
        await self._git.create(key, default_branch=row.default_branch)
        head = await self._git.head(key, row.default_branch)
        if head is None:
            head = await self._first_commit(key, row, module, delivery)
        pipeline = None if module is None else await self._git.file(key, head, PATH, max_bytes=1_048_576)
        text = None if pipeline is None else pipeline.data.decode()
        return Made(first=await self._git.commit(key, head), pipeline=text)

    async def _first_commit(
        self, key: RepositoryKey, row: RepositoryRow, module: ModuleRow | None, delivery: Delivery
    ) -> str:
        who = Signature(name="Slipway", email="slipway@localhost", when=delivery.occurred_at)
        readme = f"# {row.name}\n\n{row.description}\n" if row.description else f"# {row.name}\n"
        changes = [
            FileChange(path="README.md", content=readme.encode()),
            FileChange(path=".gitignore", content=_IGNORED),
        ]
        if module is not None:
            changes.append(FileChange(path=PATH, content=generate(module, row.default_branch).encode()))
        first = await self._git.write_commit(
            key, parent=None, changes=changes, author=who, committer=who,
            message=f"Provision {row.name}\n\n[skip ci]: there is nothing to build yet.\n",
        )  # fmt: skip
        try:
            await self._git.swap(key, row.default_branch, old=None, new=first.sha)
        except RefMoved as error:
            if error.actual is None:
                raise Retry(str(error)) from error
            return error.actual
        return first.sha

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: Made) -> None:
        """The rows follow Git, and an environment its repository."""
        row = await self._repositories.provisioned(uow, delivery.subject_id, result.first)
        if row is not None and result.pipeline is not None:
            await self._pipelines.generated(uow, row, result.pipeline)
        await self._environments.repository_made(uow, delivery.subject_id, failed=False)

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """The repository is FAILED, and says why."""
        await self._repositories.provisioning_failed(uow, delivery.subject_id, reason)
        await self._environments.repository_made(uow, delivery.subject_id, failed=True)
