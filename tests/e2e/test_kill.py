"""A server killed with kill -9 at a random moment: what was accepted takes effect once, and the log stays whole."""

import asyncio
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
COMMAND = """mutation($module: ID!, $name: String!, $key: String!) {
    provisionRepository(input: {moduleId: $module, name: $name, idempotencyKey: $key}) {
        repository { id } errors { code } } }"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


async def prepare(server: Server) -> tuple[str, str]:
    """A tenant's token and a module's id."""
    make = 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
    token = (await ask(server.url, server.token(), make))["createTenant"]["token"]
    make = 'mutation { createProject(input: {name: "booking"}) { project { id } } }'
    project = (await ask(server.url, token, make))["createProject"]["project"]["id"]
    make = """mutation($project: ID!) { registerModule(input: {projectId: $project, name: "m", kind: LIBRARY,
        language: PYTHON, baseVersion: "1.0"}) { module { id } } }"""
    return token, (await ask(server.url, token, make, project=project))["registerModule"]["module"]["id"]


async def burst(server: Server, token: str, module: str, round_: int) -> None:
    """Eight commands at once; those that the kill cut off are repeated with their keys later."""
    names = [f"r{round_}-{number}" for number in range(8)]
    calls = [ask(server.url, token, COMMAND, module=module, name=name, key=name) for name in names]
    await asyncio.gather(*calls, return_exceptions=True)


async def test_what_was_accepted_takes_effect_exactly_once(tmp_path: Path) -> None:
    random.seed(7)
    data, port = tmp_path / "data", free_port()
    server = Server(data, port)
    try:
        await server.ready()
        token, module = await prepare(server)
        for round_ in range(3):
            work = asyncio.create_task(burst(server, token, module, round_))
            await asyncio.sleep(random.uniform(0.02, 0.6))
            server.kill()
            await work
            server = Server(data, port)
            await server.ready()
            await burst(server, token, module, round_)
        query = "{ repositories(first: 100) { totalCount nodes { name status branches { totalCount } } } }"
        deadline = time.monotonic() + 40
        while True:
            found = (await ask(server.url, token, query))["repositories"]
            if all(node["status"] == "PROVISIONED" for node in found["nodes"]):
                break
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.2)
        assert found["totalCount"] == 24
        assert {node["branches"]["totalCount"] for node in found["nodes"]} == {1}
        assert server.kill(signal.SIGTERM) == 0, server.told.read_text()
    finally:
        if server.process.poll() is None:
            server.kill()
    check_log(data / "slipway.db")


def check_log(path: Path) -> None:
    database = sqlite3.connect(path)
    rows = database.execute("select tenant_id, count(*), max(sequence) from events group by tenant_id").fetchall()
    assert all(count == last for _, count, last in rows)
    told = database.execute("select count(*) from events where event_type = 'RepositoryProvisioned'").fetchone()
    database.close()
    assert told == (24,)
