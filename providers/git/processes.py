"""Git's own programs as children: bounded in time, with nothing of this process in their environment."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from providers.errors import ProviderUnavailable

CHUNK: Final = 262_144
QUIET_SECONDS: Final = 300.0
WAIT_SECONDS: Final = 30.0
TOLD: Final = 8_192
_SETTINGS: Final = {
    "core.fsync": "objects,derived-metadata,reference",
    "core.fsyncMethod": "batch",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "safe.directory": "*",
}


class Slots:
    """How many requests may have Git work for them at once; the others wait in line, not for ever."""

    def __init__(self, most: int, *, seconds: float = WAIT_SECONDS) -> None:
        self._most, self._seconds = most, seconds
        self._free = asyncio.Semaphore(most)

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """ProviderUnavailable when none came free in time."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise ProviderUnavailable(f"git is busy with {self._most} other requests") from error
        try:
            yield
        finally:
            self._free.release()


def environment(**more: str) -> dict[str, str]:
    """What a child may know; the settings hold for repositories of any age."""
    settings = {f"GIT_CONFIG_KEY_{number}": name for number, name in enumerate(_SETTINGS)}
    settings |= {f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(_SETTINGS.values())}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
        **settings,
        **more,
    }


class GitFailed(ProviderUnavailable):
    """A child that ended with another code than 0; ``said`` is the start of what it said of that."""

    def __init__(self, program: str, code: int | None, said: str) -> None:
        super().__init__(f"git {program} ended with {code}")
        self.said = said


async def stream(
    arguments: Sequence[str], folder: Path, *, source: BinaryIO | int, env: Mapping[str, str]
) -> AsyncIterator[bytes]:
    """What the child writes, as it comes; GitFailed, or ProviderUnavailable when it is quiet for five minutes."""
    process = await _start(arguments, folder, source, asyncio.subprocess.PIPE, asyncio.subprocess.PIPE, env)
    assert process.stdout is not None
    assert process.stderr is not None
    saying = asyncio.create_task(_drained(process.stderr))
    try:
        while chunk := await asyncio.wait_for(process.stdout.read(CHUNK), QUIET_SECONDS):
            yield chunk
        if await asyncio.wait_for(process.wait(), QUIET_SECONDS) != 0:
            said = await asyncio.wait_for(saying, QUIET_SECONDS)
            raise GitFailed(arguments[0], process.returncode, said.decode("utf-8", "replace").strip())
    except TimeoutError as error:
        raise ProviderUnavailable(f"git {arguments[0]} was quiet for {QUIET_SECONDS:.0f} s and was ended") from error
    finally:
        saying.cancel()
        await _end(process)


async def _drained(out: asyncio.StreamReader) -> bytes:
    """The start of it; the rest is read too, so that nobody waits for a reader."""
    said = b""
    while chunk := await out.read(TOLD):
        said = (said + chunk)[:TOLD]
    return said


async def run(
    arguments: Sequence[str],
    folder: Path,
    *,
    source: BinaryIO | bytes,
    env: Mapping[str, str],
    seconds: float,
) -> tuple[int, str]:
    """The exit code and the start of what the child said on stderr; ProviderUnavailable when it takes too long."""
    given = asyncio.subprocess.PIPE if isinstance(source, bytes) else source
    process = await _start(arguments, folder, given, asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE, env)
    try:
        body = source if isinstance(source, bytes) else None
        _, said = await asyncio.wait_for(process.communicate(body), seconds)
    except TimeoutError as error:
        raise ProviderUnavailable(f"git {arguments[0]} took over {seconds:.0f} s and was ended") from error
    finally:
        await _end(process)
    return process.returncode or 0, said[:TOLD].decode("utf-8", "replace")


async def _start(
    arguments: Sequence[str], folder: Path, source: BinaryIO | int, out: int, err: int, env: Mapping[str, str]
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            "git", *arguments, cwd=folder, env=dict(env), stdin=source, stdout=out, stderr=err,
            start_new_session=True, limit=2 * CHUNK,
        )  # fmt: skip
    except OSError as error:
        raise ProviderUnavailable(f"git cannot be run: {error.strerror}") from error


async def _end(process: asyncio.subprocess.Process) -> None:
    """Takes the child's own children with it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
