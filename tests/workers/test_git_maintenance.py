"""Maintenance by stock git: what it packs, and that a lock which a killed process left does not silence it for ever."""

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from providers.git import embedded
from providers.git.embedded import EmbeddedGit
from providers.git.errors import MaintenanceUnderWay
from providers.git.values import FileChange, RepositoryKey, Signature
from storage.tables.source_control import RepositoryRow
from tests.api.conftest import Client, admin, operator
from tests.workers.test_provisioning import events, module
from workers.delivery import Due, tick

__all__ = ["admin", "operator"]
KEY = RepositoryKey(tenant_id=UUID(int=1), repository_id=UUID(int=2))
WHO = Signature(name="Ada", email="ada@example.test", when=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
WORKER = "GitMaintenanceWorker"


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True).stdout


def loose(folder: Path) -> int:
    return int(git(folder, "count-objects").split()[0])


@pytest.fixture
async def repository(tmp_path: Path) -> tuple[EmbeddedGit, Path]:
    """Twelve commits, all of them loose."""
    made, head = EmbeddedGit(tmp_path / "git"), None
    await made.create(KEY, default_branch="main")
    for number in range(12):
        changes = [FileChange(path=f"f{number}", content=b"x")]
        new = await made.write_commit(KEY, parent=head, changes=changes, author=WHO, committer=WHO, message="m")
        await made.swap(KEY, "main", old=head, new=new.sha)
        head = new.sha
    assert loose(made.path(KEY)) > 12
    return made, made.path(KEY)


def locked(folder: Path, *, seconds_ago: float) -> Path:
    lock = folder / "objects" / "maintenance.lock"
    lock.touch()
    moment = time.time() - seconds_ago
    os.utime(lock, (moment, moment))
    return lock


async def test_what_was_loose_is_packed_and_nothing_is_lost(repository: tuple[EmbeddedGit, Path]) -> None:
    made, folder = repository
    before = await made.refs(KEY)
    await made.maintain(KEY)
    assert loose(folder) == 0
    assert git(folder, "rev-list", "--count", "main") == "12\n"
    assert git(folder, "fsck", "--strict", "--no-dangling") == ""
    assert git(folder, "commit-graph", "verify") == ""
    assert list((folder / "objects" / "info").glob("commit-graph*")) != []
    assert await made.refs(KEY) == before


async def test_the_lock_of_a_killed_maintenance_is_removed_once_it_must_have_ended(
    repository: tuple[EmbeddedGit, Path],
) -> None:
    made, folder = repository
    lock = locked(folder, seconds_ago=embedded.LEFT_OVER_SECONDS + 1)
    await made.maintain(KEY)
    assert (loose(folder), lock.exists()) == (0, False)


async def test_a_lock_that_may_be_held_is_left_and_told(repository: tuple[EmbeddedGit, Path]) -> None:
    made, folder = repository
    lock = locked(folder, seconds_ago=60)
    with pytest.raises(MaintenanceUnderWay, match="is 60 s old"):
        await made.maintain(KEY)
    assert (loose(folder) > 12, lock.exists()) == (True, True)


async def test_a_worker_waits_for_another_maintenance_and_then_packs(admin: Client) -> None:
    slipway = admin.slipway
    await admin.done("provisionRepository", "repository { id }", moduleId=await module(admin))
    requested = (await events(admin))[-1]
    run: Any = slipway.workers.runtime.run
    await run("RepositoryProvisioningWorker", requested.event_id.hex, 1)
    due_at = datetime.now(UTC) - timedelta(seconds=1)
    async with slipway.database.writing(None) as session:
        row = await session.get(RepositoryRow, (requested.tenant_id, requested.subject_id))
        assert row is not None
        row.maintain_at = due_at
        await session.commit()
    folder = slipway.providers.git.path(RepositoryKey(tenant_id=row.tenant_id, repository_id=row.id))
    lock = locked(folder, seconds_ago=5)
    name = tick(WORKER, Due(tenant_id=row.tenant_id, id=row.id, due_at=due_at))
    assert await run(WORKER, name, 1) == (1, 60.0)
    lock.unlink()
    assert await run(WORKER, name, 1) is None
    assert loose(folder) == 0
    async with slipway.database.reading(None) as session:
        kept = await session.get(RepositoryRow, (requested.tenant_id, requested.subject_id))
    assert kept is not None
    assert kept.maintain_at is None
