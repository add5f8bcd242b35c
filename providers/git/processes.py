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


async def stream(
    arguments: Sequence[str], folder: Path, *, source: BinaryIO | int, env: Mapping[str, str]
) -> AsyncIterator[bytes]:
    """What the child writes, as it comes; ProviderUnavailable when it fails or is quiet for five minutes."""
    process = await _start(arguments, folder, source, asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL, env)
    assert process.stdout is not None
    try:
        while chunk := await asyncio.wait_for(process.stdout.read(CHUNK), QUIET_SECONDS):
            yield chunk
        if await process.wait() != 0:
            raise ProviderUnavailable(f"git {arguments[0]} ended with {process.returncode}")
    except TimeoutError as error:
        raise ProviderUnavailable(f"git {arguments[0]} was quiet for {QUIET_SECONDS:.0f} s and was ended") from error
    finally:
        await _end(process)


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
