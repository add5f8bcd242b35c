"""Something that a worker process does again and again."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import structlog

GRACE_SECONDS = 2.0
CUT_SECONDS = 1.0
_log = structlog.get_logger()


class Repeating:
    """Calls every so many seconds, 20 % more or less so that processes do not march in step; a failure is told.

    Sooner when it is woken, and at once when the call answers True: there is more. It ends by a flag that it looks at
    between two calls, because a cancel alone can be lost: whatever is awaited below may end at the same moment.
    """

    def __init__(self, name: str, seconds: float, call: Callable[[], Awaitable[object]]) -> None:
        self._name = name
        self._seconds = seconds
        self._call = call
        self._woken = asyncio.Event()
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The first call is at once."""
        self._ending.clear()
        self._task = asyncio.create_task(self._repeat())

    def wake(self) -> None:
        """Calls now, or once more when a call is under way; after a failure it waits all the same."""
        self._woken.set()

    async def stop(self) -> None:
        """Lets the call under way end for two seconds, then cuts it short: each must bear that."""
        self._ending.set()
        self._woken.set()
        if self._task is None:
            return
        for patience in (GRACE_SECONDS, CUT_SECONDS, CUT_SECONDS):
            done, _ = await asyncio.wait([self._task], timeout=patience)
            if done:
                return
            self._task.cancel()
        _log.error(f"{self._name} does not end; going on without it")

    async def _repeat(self) -> None:
        while not self._ending.is_set():
            self._woken.clear()
            try:
                if await self._call() is not True:
                    await self._pause(self._woken)
            except Exception:
                _log.exception(f"{self._name} failed; trying again")
                await self._pause(self._ending)

    async def _pause(self, sooner: asyncio.Event) -> None:
        if not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds * random.uniform(0.8, 1.2)):
                    await sooner.wait()
