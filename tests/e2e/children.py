"""``slipway serve`` as a process that may be killed: the command itself, or forked from what imported it already."""

import asyncio
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

ROOT: Final = Path(__file__).parents[2]
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["cli.app", "dbos", "aiosqlite", "alembic.command", "uvicorn.lifespan.on"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(arguments: list[str], environment: Mapping[str, str], told: str) -> None:
    """The whole command as the console script runs it, its output in a file."""
    out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.update(environment)
    from cli.app import run

    sys.exit(run(arguments))


class Server:
    """``slipway serve`` as a process of its own."""

    def __init__(self, data: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.told = data.parent / f"serve-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "cli", "serve", "--port", str(port), "--data", str(data)]
        with self.told.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=self._env())

    @staticmethod
    def _env() -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "1000"}

    async def ready(self) -> None:
        deadline = time.monotonic() + 40
        async with httpx.AsyncClient() as http:
            while time.monotonic() < deadline:
                assert self.process.poll() is None, self.told.read_text()
                try:
                    if (await http.get(self.url + "/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        raise AssertionError(self.told.read_text())

    def kill(self, how: int = signal.SIGKILL) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)

    def token(self) -> str:
        found = re.search(r"^ey\S+$", self.told.read_text(), re.MULTILINE)
        assert found is not None, self.told.read_text()
        return found[0]


async def ask(url: str, token: str, query: str, **variables: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=30) as http:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.post(url + "/graphql", json={"query": query, "variables": variables}, headers=headers)
    body = answer.json()
    assert "errors" not in body, body
    data: dict[str, Any] = body["data"]
    return data


def ended(arguments: list[str], environment: Mapping[str, str], told: Path) -> int | None:
    """The exit code of a command that must end by itself; what it said is in the file."""
    process = _FORKS.Process(target=_command, args=(arguments, dict(environment), str(told)))
    process.start()
    process.join(30)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode


class Child:
    """A server on a port of its own; ``environment`` is beside the test's."""

    def __init__(self, data: Path, environment: Mapping[str, str]) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.told = data.parent / "serve.log"
        arguments = ["serve", "--port", str(port), "--data", str(data)]
        self._process = _FORKS.Process(target=_command, args=(arguments, dict(environment), str(self.told)))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    async def ready(self) -> bool:
        """False when it has died meanwhile."""
        deadline = time.monotonic() + 40
        async with httpx.AsyncClient(verify=False, trust_env=False) as http:
            while self.code() is None:
                assert time.monotonic() < deadline, self.told.read_text()
                try:
                    if (await http.get(self.url + "/readyz")).status_code == 200:
                        return True
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
        return False

    def code(self) -> int | None:
        """The exit code, negative after a signal; None while it runs."""
        return self._process.exitcode

    def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        """Sends the signal and answers the exit code."""
        os.kill(self.pid, how)
        self._process.join(30)
        code = self.code()
        assert code is not None, "it does not end"
        return code

    def token(self) -> str:
        """The operator's, which only the first start tells."""
        found = re.search(r"^ey\S+$", self.told.read_text(), re.MULTILINE)
        assert found is not None, self.told.read_text()
        return found[0]
