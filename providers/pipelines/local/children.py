"""Processes of a run: each in a session of its own, gone with this process, and found by a mark when they hide."""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from providers.pipelines.errors import ExecutorFailed

MARK: Final = "SLIPWAY_RUN"
CHUNK: Final = 65_536
LOOK_SECONDS: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1
_prctl: Final = getattr(ctypes.CDLL(None), "prctl", None)


def die_with_parent() -> None:
    """In the child, before it becomes another program: the kernel ends it when this process ends; Linux only."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One program whose output and errors come by one pipe."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._draining: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, arguments: Sequence[str], folder: Path, env: Mapping[str, str], *, confine: Callable[[], None]
    ) -> "Child":
        """ExecutorFailed when it cannot be started at all; ``confine`` runs in the child."""
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments, cwd=folder, env=dict(env), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                start_new_session=True, preexec_fn=confine, limit=2 * CHUNK,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise ExecutorFailed(f"{arguments[0]} cannot be run: {error}") from error
        return cls(process)

    async def output(self) -> AsyncIterator[bytes]:
        """What it writes, as it comes; what it leaves behind with the pipe open is not waited for."""
        assert self._process.stdout is not None
        reading: asyncio.Task[bytes] | None = None
        while True:
            reading = reading or asyncio.create_task(self._process.stdout.read(CHUNK))
            await asyncio.wait({reading}, timeout=LOOK_SECONDS)
            if reading.done():
                if not (chunk := reading.result()):
                    return
                reading = None
                yield chunk
            elif self._process.returncode is not None:
                self._draining = asyncio.create_task(self._drain(reading))
                return

    async def _drain(self, reading: "asyncio.Task[bytes]") -> None:
        """Whoever still writes is not stopped by a full pipe."""
        assert self._process.stdout is not None
        chunk = await reading
        while chunk:
            chunk = await self._process.stdout.read(CHUNK)

    async def code(self) -> int:
        """Its exit code, minus the signal when one ended it; what it left behind is not waited for."""
        while self._process.returncode is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), LOOK_SECONDS)
        return self._process.returncode

    def kill(self) -> None:
        """Ends it and everything in its process group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kills, and leaves neither a zombie nor a task."""
        self.kill()
        await self.code()
        if self._draining is not None:
            self._draining.cancel()
            await asyncio.gather(self._draining, return_exceptions=True)


def kill_marked(mark: str) -> int:
    """Ends every process that carries the mark, or a longer one, in its environment; how many there were."""
    exact, longer = f"{MARK}={mark}".encode(), f"{MARK}={mark}.".encode()
    killed = 0
    for entry in os.scandir("/proc") if os.path.isdir("/proc") else ():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry.name}/environ", "rb") as file:
                told = file.read().split(b"\0")
            if any(one == exact or one.startswith(longer) for one in told):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
    return killed
