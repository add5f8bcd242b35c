"""What every blob store must do, tried on the folder and on its twin in memory; then what the folder adds."""

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.blobs.errors import BlobMismatch, BlobMissing, DigestInvalid, RangeInvalid
from providers.blobs.folder import BLOCK, BlobFolder
from providers.blobs.store import BlobKey, Blobs
from providers.errors import ProviderUnavailable
from providers.fakes.blobs import MemoryBlobs

TENANT, OTHER = UUID(int=1), UUID(int=2)
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return BlobFolder(tmp_path / "blobs") if request.param == "folder" else MemoryBlobs()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def key(content: bytes, tenant: UUID = TENANT) -> BlobKey:
    return BlobKey(tenant_id=tenant, digest=f"sha256:{hashlib.sha256(content).hexdigest()}")


def content_of(blobs: Blobs, of: BlobKey, start: int = 0, end: int | None = None) -> bytes:
    with blobs.open(of, start=start, end=end) as source:
        return source.read()


async def left(blobs: Blobs) -> set[BlobKey]:
    return {blob.key async for blob in blobs.older(FUTURE)}


async def test_a_stream_is_kept_by_its_digest(blobs: Blobs) -> None:
    blob = await blobs.put(TENANT, chunks(b"he", b"", b"llo"))
    assert (blob.key, blob.size) == (key(b"hello"), 5)
    assert content_of(blobs, blob.key) == b"hello"
    assert await blobs.stat(blob.key) == blob


async def test_what_is_expected_says_how_it_is_digested(blobs: Blobs) -> None:
    digest = f"sha512:{hashlib.sha512(b'hello').hexdigest()}"
    blob = await blobs.put(TENANT, chunks(b"hello"), expected=digest)
    assert blob.key == BlobKey(tenant_id=TENANT, digest=digest)
    assert content_of(blobs, blob.key) == b"hello"
    assert await blobs.stat(key(b"hello")) is None
    assert await left(blobs) == {blob.key}
    with pytest.raises(BlobMismatch, match=digest):
        await blobs.put(TENANT, chunks(b"hello"), expected="sha512:" + "0" * 128)
    assert await blobs.delete(blob.key, before=FUTURE) is True


async def test_a_file_is_adopted_when_it_is_what_its_digest_says(blobs: Blobs, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    with pytest.raises(BlobMismatch, match=key(b"hello").digest):
        await blobs.adopt(key(b"other"), path)
    assert (path.read_bytes(), await left(blobs)) == (b"hello", set())
    os.utime(path, (0, 0))
    blob = await blobs.adopt(key(b"hello"), path)
    assert (blob.key, blob.size, path.exists()) == (key(b"hello"), 5, False)
    assert await blobs.stat(blob.key) == blob
    assert content_of(blobs, blob.key) == b"hello"
    assert [one async for one in blobs.older(blob.stored_at)] == []


async def test_nothing_and_much_are_kept_too(blobs: Blobs) -> None:
    large = os.urandom(BLOCK + 1)
    for parts in ((), (large, large[:7])):
        blob = await blobs.put(TENANT, chunks(*parts), expected=key(b"".join(parts)).digest)
        assert content_of(blobs, blob.key) == b"".join(parts)


async def test_another_digest_than_expected_keeps_nothing(blobs: Blobs) -> None:
    with pytest.raises(BlobMismatch, match=key(b"hello").digest):
        await blobs.put(TENANT, chunks(b"hello"), expected=key(b"other").digest)
    assert await left(blobs) == set()
    assert await blobs.tidy(FUTURE) == 0


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "sha256:" + "A" * 64, "md5:" + "0" * 32, "sha512:" + "0" * 64, "../" + "0" * 64]
)
async def test_what_is_no_digest_is_refused_before_anything_is_read(blobs: Blobs, digest: str) -> None:
    read = []

    async def content() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    with pytest.raises(DigestInvalid):
        await blobs.put(TENANT, content(), expected=digest)
    assert read == []


async def test_a_stream_that_fails_keeps_nothing_and_says_why(blobs: Blobs) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"x" * (2 * BLOCK)
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        await blobs.put(TENANT, content())
    assert await left(blobs) == set()
    assert await blobs.tidy(FUTURE) == 0


async def test_a_put_that_is_cancelled_keeps_nothing(blobs: Blobs) -> None:
    waiting = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        yield b"x" * (2 * BLOCK)
        waiting.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(blobs.put(TENANT, content()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await left(blobs) == set()
    assert await blobs.tidy(FUTURE) == 0


async def test_tenants_do_not_see_each_others_blobs(blobs: Blobs) -> None:
    mine = await blobs.put(TENANT, chunks(b"hello"))
    assert await blobs.stat(key(b"hello", OTHER)) is None
    with pytest.raises(BlobMissing):
        blobs.open(key(b"hello", OTHER))
    theirs = await blobs.put(OTHER, chunks(b"hello"))
    assert await blobs.delete(mine.key, before=FUTURE) is True
    assert content_of(blobs, theirs.key) == b"hello"


@given(content=st.binary(max_size=200), start=st.integers(-2, 210), end=st.none() | st.integers(-2, 210))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_range_is_the_slice_or_refused(blobs: Blobs, content: bytes, start: int, end: int | None) -> None:
    blob = asyncio.run(blobs.put(TENANT, chunks(content)))
    if 0 <= start <= (len(content) if end is None else end) <= len(content):
        assert content_of(blobs, blob.key, start, end) == content[start:end]
    else:
        with pytest.raises(RangeInvalid):
            blobs.open(blob.key, start=start, end=end)


async def test_a_range_is_read_piece_by_piece(blobs: Blobs) -> None:
    blob = await blobs.put(TENANT, chunks(bytes(range(100))))
    with blobs.open(blob.key, start=10, end=20) as source:
        assert [source.read(4) for _ in range(4)] == [bytes(range(a, min(a + 4, 20))) for a in (10, 14, 18)] + [b""]


async def test_what_is_absent_is_missing(blobs: Blobs) -> None:
    assert await blobs.stat(key(b"no")) is None
    assert await blobs.delete(key(b"no"), before=FUTURE) is False
    with pytest.raises(BlobMissing):
        blobs.open(key(b"no"))


async def test_only_what_is_old_enough_is_listed_and_deleted(blobs: Blobs) -> None:
    one = await blobs.put(TENANT, chunks(b"1"))
    two = await blobs.put(OTHER, chunks(b"2"))
    assert [blob async for blob in blobs.older(PAST)] == []
    assert sorted([blob async for blob in blobs.older(FUTURE)], key=lambda blob: blob.size) == [one, two]
    assert await blobs.delete(one.key, before=one.stored_at) is False
    assert await blobs.delete(one.key, before=one.stored_at + timedelta(microseconds=1)) is True
    assert await left(blobs) == {two.key}


async def test_what_is_put_again_is_young_again(blobs: Blobs) -> None:
    first = await blobs.put(TENANT, chunks(b"hello"))
    await asyncio.sleep(0.05)
    again = await blobs.put(TENANT, chunks(b"hello"))
    assert again.stored_at > first.stored_at
    assert await blobs.delete(first.key, before=again.stored_at) is False
    assert content_of(blobs, first.key) == b"hello"


async def test_what_is_open_is_read_to_its_end_though_it_is_deleted(blobs: Blobs) -> None:
    blob = await blobs.put(TENANT, chunks(b"hello"))
    with blobs.open(blob.key) as source:
        assert await blobs.delete(blob.key, before=FUTURE) is True
        assert source.read() == b"hello"


async def test_puts_and_deletes_of_one_content_leave_it_whole_or_absent(blobs: Blobs) -> None:
    wrong: list[bytes] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                found = content_of(blobs, key(b"hello" * 1_000))
            except BlobMissing:
                continue
            if found != b"hello" * 1_000:
                wrong.append(found)

    reader = asyncio.create_task(asyncio.to_thread(read))
    for _ in range(20):
        puts = (blobs.put(TENANT, chunks(b"hello" * 1_000)) for _ in range(3))
        await asyncio.gather(*puts, blobs.delete(key(b"hello" * 1_000), before=FUTURE))
    last = await blobs.put(TENANT, chunks(b"hello" * 1_000))
    await blobs.delete(last.key, before=last.stored_at)
    done.set()
    await reader
    assert wrong == []
    assert content_of(blobs, last.key) == b"hello" * 1_000


async def test_the_folder_removes_what_a_dead_process_left_half_written(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    kept = await blobs.put(TENANT, chunks(b"hello"))
    (tmp_path / ".incoming" / "half").write_bytes(b"hel")
    assert await blobs.tidy(PAST) == 0
    assert await blobs.tidy(FUTURE) == 1
    assert list((tmp_path / ".incoming").iterdir()) == []
    assert await left(blobs) == {kept.key}


async def test_the_folder_is_its_owners_only(tmp_path: Path) -> None:
    blob = await BlobFolder(tmp_path / "blobs").put(TENANT, chunks(b"hello"))
    file = tmp_path / "blobs" / TENANT.hex / blob.key.digest[7:9] / blob.key.digest[7:]
    modes = {oct(path.stat().st_mode & 0o777) for path in (file.parent, file.parent.parent)}
    assert (modes, oct(file.stat().st_mode & 0o777)) == ({"0o700"}, "0o600")


async def test_content_is_on_the_disk_before_its_name_and_its_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    synced, renamed = os.fsync, Path.rename

    def fsync(file: int) -> None:
        said.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{file}')).relative_to(tmp_path).parts[0:1]}")
        synced(file)

    def rename(path: Path, target: Path) -> Path:
        said.append("rename")
        return renamed(path, target)

    blobs = BlobFolder(tmp_path)
    await blobs.put(TENANT, chunks(b"hello"))
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    await blobs.put(TENANT, chunks(b"hello"))
    assert said == ["fsync ('.incoming',)", "rename", f"fsync ('{TENANT.hex}',)"]


async def test_a_store_that_cannot_write_says_so(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("in the way")
    with pytest.raises(ProviderUnavailable, match="does not answer"):
        await BlobFolder(tmp_path / "blobs").put(TENANT, chunks(b"hello"))
