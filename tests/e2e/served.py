"""An installation served on a loopback port within the test's own loop, and stock git against it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from main import Settings, Slipway
from tests.api.conftest import Client


class ServerWithoutSignals(uvicorn.Server):
    """Pytest keeps its own signal handlers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[tuple[Slipway, str, str | None]]:
    """The installation, its address and the operator's token at the first start."""
    slipway = Slipway(settings)
    token = await slipway.start()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(slipway.app(), log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    server = ServerWithoutSignals(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
        if task.done():
            await task
    try:
        yield slipway, f"http://127.0.0.1:{listener.getsockname()[1]}", token
    finally:
        server.should_exit = True
        await task
        listener.close()


class ServedClient(Client):
    """Asks over a real socket."""

    def __init__(self, slipway: Slipway, token: str, url: str) -> None:
        super().__init__(slipway, token)
        self.url = url
        self.http = httpx.AsyncClient(base_url=url, timeout=60)


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what stood on the screen."""

    code: int
    out: str
    err: str


async def git(*arguments: str, at: Path | None = None, **more: str) -> Ran:
    """Stock git with nobody's settings, off the loop that serves it."""
    home = {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _ME.items()}
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, cwd=at, env={"PATH": os.environ["PATH"], **home, **who, **more},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 90)
    return Ran(process.returncode or 0, out.decode().strip(), err.decode().strip())


_ME = {"NAME": "Writer", "EMAIL": "writer@example.test"}


async def done(*arguments: str, at: Path | None = None, **more: str) -> str:
    """The output of a command that must succeed."""
    ran = await git(*arguments, at=at, **more)
    assert ran.code == 0, ran.err
    return ran.out
