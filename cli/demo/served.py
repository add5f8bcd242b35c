"""The demo's own server: the real one, in this process, on a free port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from cli.failure import Failed
from cli.serve import address, listen
from main import Slipway


class _Embedded(uvicorn.Server):
    """Leaves signals to the command, and tells when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """The application's own start included."""
        await super().startup(sockets)
        self.answers.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None of them."""
        yield


@asynccontextmanager
async def served(slipway: Slipway, port: int | None) -> AsyncIterator[str]:
    """The address, until the block ends."""
    listener = listen("127.0.0.1", port)
    config = uvicorn.Config(
        slipway.app(), log_level="warning", access_log=False, ws="websockets-sansio", timeout_graceful_shutdown=5
    )
    server = _Embedded(config)
    task = asyncio.create_task(server.serve([listener]))
    answers = asyncio.create_task(server.answers.wait())
    try:
        await asyncio.wait({task, answers}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            raise Failed("the server did not start: its log says why")
        yield address(listener)
    finally:
        answers.cancel()
        server.should_exit = True
        await task
