"""Something that a worker process does again and again."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger()


class Repeating:
    """Calls every so many seconds, 20 % more or less so that processes do not march in step; a failure is told."""

    def __init__(self, name: str, seconds: float, call: Callable[[], Awaitable[object]]) -> None:
        self._name = name
        self._seconds = seconds
        self._call = call
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The first call is at once."""
        self._task = asyncio.create_task(self._repeat())

    async def stop(self) -> None:
        """Cuts a call short: each must bear that."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _repeat(self) -> None:
        while True:
            try:
                await self._call()
            except Exception:
                _log.exception(f"{self._name} failed; trying again")
            await asyncio.sleep(self._seconds * random.uniform(0.8, 1.2))
