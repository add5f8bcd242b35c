"""An installation served by a child process on a data folder of its own, and what it costs."""

import asyncio
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.client import Client, Refused

ROOT = Path(__file__).parents[1]
TICK = os.sysconf("SC_CLK_TCK")
STARTS_WITHIN = 60.0


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A running ``slipway serve``; ``admin`` is a tenant's admin, ``project_id`` the project of the load."""

    pid: int
    url: str
    data: Path
    token: str
    admin: Client
    tenant: str
    project: str
    project_id: str

    def client(self, token: str | None = None) -> Client:
        """Another connection."""
        return Client(self.url, token or self.token)

    def cpu(self) -> float:
        """Seconds of CPU that the server and its children have used, ended children included."""
        return tree_cpu(self.pid)

    def resident(self) -> float:
        """MiB that the server holds in memory, its running children included."""
        return sum(_resident(pid) for pid in (self.pid, *_descendants(self.pid))) / 1024

    async def repository(self, name: str, *, reviews: int = 1) -> str:
        """The id of a new repository, once its worker has made it."""
        module = await self.admin.do(
            "registerModule", "module { id }",
            projectId=self.project_id, name=name, kind="LIBRARY", language="PYTHON", baseVersion="1.0",
        )  # fmt: skip
        asked = await self.admin.do(
            "provisionRepository", "repository { id }", moduleId=module["module"]["id"], requiredReviews=reviews
        )
        made = str(asked["repository"]["id"])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            query = "query($id: ID!) { node(id: $id) { ... on Repository { status } } }"
            if (await self.admin.ask(query, id=made))["node"]["status"] == "PROVISIONED":
                return made
            await asyncio.sleep(0.02)
        raise Refused(f"the repository {name} was not made within 30 s")

    async def identity(self, name: str, *scopes: str) -> str:
        """A new human's token."""
        who = await self.admin.do(
            "createIdentity", "identity { id }", name=name, kind="HUMAN", email=f"{name}@example.test"
        )
        made = await self.admin.do(
            "issueToken", "secret", identityId=who["identity"]["id"], name="bench", scopes=list(scopes)
        )
        return str(made["secret"])


@asynccontextmanager
async def installed() -> AsyncIterator[Installation]:
    """Serves a fresh data folder until the block ends."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as scratch:
        folder = Path(scratch)
        process = _serve(folder)
        try:
            url, token = await asyncio.to_thread(_address_and_token, process, folder / "serve.log")
            yield await _found(process.pid, url, token, folder / "data")
        finally:
            await asyncio.to_thread(_stop, process)


def _serve(folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "cli", "serve", "--port", "0", "--data", str(folder / "data")]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), "COLUMNS": "2000"}
    with (folder / "serve.log").open("wb") as out:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT)


def _address_and_token(process: "subprocess.Popen[bytes]", told: Path) -> tuple[str, str]:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        text = told.read_text()
        address, token = re.search(r"http://127\.0\.0\.1:\d+", text), re.search(r"\bey[\w.-]+", text)
        if address is not None and token is not None:
            return address[0], token[0]
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{told.read_text()}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)


async def _found(pid: int, url: str, token: str, data: Path) -> Installation:
    """Makes the tenant and the project of the load, once the server answers."""
    operator = Client(url, token)
    made = await operator.do("createTenant", "tenant { id } token", name="bench", adminEmail="admin@example.test")
    operator.close()
    admin = Client(url, made["token"])
    project = await admin.do("createProject", "project { id }", name="load")
    return Installation(
        pid=pid,
        url=url,
        data=data,
        token=made["token"],
        admin=admin,
        tenant="bench",
        project="load",
        project_id=project["project"]["id"],
    )


def tree_cpu(pid: int) -> float:
    """Seconds of CPU that a process and its children have used, ended children included."""
    return sum(_cpu(one) for one in (pid, *_descendants(pid)))


def own_cpu() -> float:
    """Seconds of CPU of this process, the load client."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICK


def _resident(pid: int) -> int:
    try:
        found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if found is None else int(found[1])


def _descendants(pid: int) -> list[int]:
    try:
        text = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in map(int, text.split()) for found in (child, *_descendants(child))]
