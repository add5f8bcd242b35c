"""Who waits for the disk shares a sync with all who wait, and never one that began before they wrote."""

import asyncio
import errno
import threading
from pathlib import Path

import pytest

from providers.errors import ProviderUnavailable
from providers.git.durability import Durability, sync_file_system


class Disk:
    """Syncs when it is told to, and counts."""

    def __init__(self) -> None:
        self.began = 0
        self.ended = 0
        self.refuses = False
        self.go = threading.Semaphore(0)

    def __call__(self, folder: Path) -> None:
        self.began += 1
        assert self.go.acquire(timeout=10)
        if self.refuses:
            raise OSError(errno.EIO, "Input/output error")
        self.ended += 1


async def until_begun(disk: Disk, count: int) -> None:
    for _ in range(5_000):
        if disk.began >= count:
            return
        await asyncio.sleep(0.002)
    raise AssertionError(f"{disk.began} of {count} syncs began")


async def test_who_comes_while_a_sync_runs_waits_for_the_next_with_all_others(tmp_path: Path) -> None:
    disk = Disk()
    durability = Durability(tmp_path, disk)
    first = asyncio.create_task(durability.hold())
    await until_begun(disk, 1)
    others = [asyncio.create_task(durability.hold()) for _ in range(8)]
    disk.go.release()
    await first
    await until_begun(disk, 2)
    assert not any(task.done() for task in others)
    disk.go.release()
    await asyncio.gather(*others)
    assert (disk.began, disk.ended) == (2, 2)


async def test_a_commit_that_is_on_its_way_is_not_synced_again(tmp_path: Path) -> None:
    disk = Disk()
    durability = Durability(tmp_path, disk)
    durability.begin("a")
    durability.begin("b")
    disk.go.release()
    await durability.hold("a")
    await durability.hold("b")
    assert disk.began == 1
    disk.go.release()
    await durability.hold("a")
    assert disk.began == 2


async def test_a_commit_written_while_a_sync_runs_waits_for_the_next(tmp_path: Path) -> None:
    disk = Disk()
    durability = Durability(tmp_path, disk)
    durability.begin("a")
    await until_begun(disk, 1)
    durability.begin("a")
    held = asyncio.create_task(durability.hold("a"))
    disk.go.release()
    await until_begun(disk, 2)
    assert not held.done()
    disk.go.release()
    await held


async def test_a_disk_that_refuses_is_told_to_all_who_wait_and_asked_again_by_the_next(tmp_path: Path) -> None:
    disk = Disk()
    disk.refuses = True
    durability = Durability(tmp_path, disk)
    durability.begin("a")
    durability.begin("b")
    disk.go.release()
    told = await asyncio.gather(durability.hold("a"), durability.hold("b"), return_exceptions=True)
    assert [(type(error), str(error)) for error in told] == [
        (ProviderUnavailable, "the disk did not take what Git wrote: Input/output error")
    ] * 2
    disk.refuses = False
    disk.go.release()
    await durability.hold()
    assert disk.ended == 1


async def test_who_goes_away_leaves_the_sync_to_the_others(tmp_path: Path) -> None:
    disk = Disk()
    durability = Durability(tmp_path, disk)
    leaving, staying = (asyncio.create_task(durability.hold()) for _ in range(2))
    await until_begun(disk, 1)
    leaving.cancel()
    disk.go.release()
    await staying
    assert (leaving.cancelled(), disk.ended) == (True, 1)


def test_the_file_system_of_a_folder_is_synced(tmp_path: Path) -> None:
    sync_file_system(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_file_system(tmp_path / "absent")
