"""What must hold of a data folder once its server is at rest, whatever happened to it before."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, select, text

from main import Settings, Slipway
from storage import event_log
from storage.access import Access
from storage.tables.operations import DeadLetterRow, EventRow, ProcessedRow
from storage.tables.platform import TenantRow
from storage.tables.source_control import BranchRow, CommitRow, RefIntentRow, RepositoryRow
from tests.e2e.served import done

PATIENCE = 20.0
RUNS_ON = ("PipelineMonitorWorker",)  # follows runs that outlast the journey, in tests of its own
_UNFINISHED = text("SELECT workflow_uuid, status FROM workflow_status WHERE status <> 'SUCCESS'")


class Folder:
    """Looks at the rows and at Git past the server, which may run meanwhile."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._slipway = Slipway(Settings(data=data))

    async def close(self) -> None:
        await self._slipway.database.close()

    async def rows(self, kind: Any) -> list[Any]:
        """Of every tenant."""
        async with self._slipway.database.reading(None) as session:
            return list((await session.execute(select(kind))).scalars())

    async def waiting(self) -> set[tuple[str, str]]:
        """The deliveries that have not taken effect."""
        workers = self._slipway.workers.runtime.workers.values()
        wanted = {
            (worker.name, event.event_id.hex)
            for event in await self.rows(EventRow)
            for worker in workers
            if worker.name not in RUNS_ON and event.event_type in worker.wakes_on and worker.wants(event)
        }
        return wanted - {(row.worker, row.delivery) for row in await self.rows(ProcessedRow)}

    def unfinished(self) -> list[tuple[str, str]]:
        """The engine's deliveries that have not ended well."""
        engine = create_engine(f"sqlite:///{self._data / 'slipway.db'}")
        try:
            with engine.connect() as connection:
                found = [(row[0], row[1]) for row in connection.execute(_UNFINISHED)]
                return [one for one in found if one[0].split(":")[1] not in RUNS_ON]
        finally:
            engine.dispose()

    async def rest(self, alive: Callable[[], Awaitable[object]]) -> None:
        """Until every delivery has taken effect; ``alive`` sees to it that a server works meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while (left := (await self.waiting(), self.unfinished())) != (set(), []):
            assert time.monotonic() < deadline, left
            await alive()
            await asyncio.sleep(0.05)

    async def check(self) -> None:
        """Whole logs, nothing left over, and rows that say what Git says."""
        for tenant in await self.rows(TenantRow):
            access = Access(tenant_id=tenant.id)
            async with self._slipway.database.reading(access) as session:
                await event_log.verify_chain(session, access)
        assert await self.rows(DeadLetterRow) == []
        assert await self.rows(RefIntentRow) == []
        for repository in await self.rows(RepositoryRow):
            await self._check_git(repository)

    async def _check_git(self, repository: RepositoryRow) -> None:
        path = self._data / "git" / repository.tenant_id.hex / f"{repository.id.hex}.git"
        listed = await done("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads", at=path)
        branches = [row for row in await self.rows(BranchRow) if row.repository_id == repository.id]
        assert sorted(f"{row.name} {row.head_sha}" for row in branches) == listed.splitlines()
        reachable = (await done("rev-list", "--branches", at=path)).split()
        recorded = [row for row in await self.rows(CommitRow) if row.repository_id == repository.id]
        assert sorted(row.sha for row in recorded) == sorted(reachable)
        created = [row for row in await self.rows(EventRow) if row.event_type == "CommitCreated"]
        here = [row.payload["sha"] for row in created if row.payload["repositoryId"] == f"repo-{repository.id.hex}"]
        assert sorted(here) == sorted(reachable)
        assert await done("fsck", "--strict", "--no-dangling", at=path) == ""
