"""GitMaintenanceWorker: packs what commits and pushes left loose, an hour after the first of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from providers.git.errors import MaintenanceUnderWay
from providers.git.repositories import GitRepositories
from services.source_control.git import key_of
from services.source_control.repositories import RepositoryService
from storage.engine import Database
from storage.queries.rows import Rows
from storage.queries.source_control import repositories_to_maintain
from storage.tables.operations import EventRow
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery, Due
from workers.errors import Defer, Ignore
from workers.worker import Progress

LOOK_AGAIN_SECONDS = 60.0


class GitMaintenanceWorker:
    """Stock git packs beside readers and writers; what they leave loose meanwhile waits for the next change."""

    name: ClassVar[str] = "GitMaintenanceWorker"
    wakes_on: ClassVar[tuple[str, ...]] = ()
    ticks_for: ClassVar[type[RepositoryRow]] = RepositoryRow
    attempts: ClassVar[int] = 3
    timeout: ClassVar[float] = 700.0

    def __init__(self, database: Database, git: GitRepositories, repositories: RepositoryService) -> None:
        self._database = database
        self._git = git
        self._repositories = repositories

    def wants(self, event: EventRow) -> bool:
        """Only its timer wakes it."""
        return False

    async def due(self, moment: datetime, limit: int) -> Sequence[Due]:
        """Repositories that changed an hour ago."""
        async with self._database.reading(None) as session:
            found = await repositories_to_maintain(session, moment, limit)
        return [Due(tenant_id=tenant_id, id=row_id, due_at=due_at) for tenant_id, row_id, due_at in found]

    async def act(self, delivery: Delivery, progress: Progress) -> None:
        """Packs."""
        async with self._database.reading(delivery.access) as session:
            row = await Rows(session, delivery.access).get(RepositoryRow, delivery.subject_id)
        if row is None:
            raise Ignore("the repository is gone")
        try:
            await self._git.maintain(key_of(row))
        except MaintenanceUnderWay as error:
            raise Defer(str(error), after=LOOK_AGAIN_SECONDS) from error

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: None) -> None:
        """The next change sets the next time."""
        await self._repositories.maintained(uow, delivery.subject_id, delivery.occurred_at)

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """The next change tries again; until then the repository is as good as it was."""
        await self._repositories.maintained(uow, delivery.subject_id, delivery.occurred_at)
