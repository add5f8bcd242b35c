"""Clones and pushes by stock git, beside the same from plain ``git http-backend`` of the same repository, in turns."""

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from bench.installation import ROOT, Installation, tree_cpu
from bench.rows import Row, beside, under

CLONE_WITHIN: Final = 1.15
PUSH_WITHIN: Final = 1.5
PLAIN: Final = "git http-backend, same run"
PATIENCE: Final = 60.0


@dataclass(kw_only=True)
class Side:
    """One of the two servers: what its runs took, in seconds of the clock and of its CPU."""

    pid: int
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the load is."""

    files: int
    commits: int
    clones: int
    pushes: int
    histories: int


FULL: Final = Size(files=2_000, commits=500, clones=15, pushes=30, histories=5)
TINY: Final = Size(files=20, commits=5, clones=1, pushes=1, histories=1)


async def measure(server: Installation, *, tiny: bool) -> list[Row]:
    """Both sides hold the same packs, and take turns in changing order."""
    size = TINY if tiny else FULL
    with tempfile.TemporaryDirectory(prefix="slipway-bench-git-") as scratch:
        folder = Path(scratch)
        plain = folder / "plain"
        plain.mkdir()
        async with _served(plain) as (pid, address):
            load = _Load(server, folder, plain, address, pid, size)
            await load.prepare()
            files = f"{size.files:,} files, {size.commits} commits"
            return [
                *_rows(f"clone_push clone of {files}", CLONE_WITHIN, *await load.clones()),
                *_rows("clone_push push of a commit of 20 files", PUSH_WITHIN, *await load.pushes()),
                *_rows(f"clone_push push of {files}", PUSH_WITHIN, *await load.histories()),
            ]


class _Load:
    """The client's side."""

    def __init__(
        self, server: Installation, folder: Path, plain: Path, address: str, plain_pid: int, size: Size
    ) -> None:
        self._server, self._folder, self._plain, self._address = server, folder, plain, address
        self._pid, self._size = plain_pid, size
        self._source = folder / "source"
        self._header = f"http.extraHeader=Authorization: Bearer {server.token}"

    async def prepare(self) -> None:
        """The same repository on both sides."""
        await self._git("init", "--quiet", str(self._source))
        await self._git("fast-import", "--quiet", at=self._source, given=_history(self._size))
        await self._git("checkout", "--quiet", "load", at=self._source)
        made = await self._server.repository("git")
        await self._git("push", "--quiet", self._url("git"), "load", at=self._source)
        tenant = next(path for path in (self._server.data / "git").iterdir() if not path.name.startswith("."))
        repository = tenant / f"{UUID(hex=made.split('-')[1]).hex}.git"
        shutil.copytree(repository, self._plain / "git.git")

    async def clones(self) -> tuple[Side, Side]:
        """Bare, so that the client's checkout does not hide the server."""
        sides = self._sides()
        for number in range(self._size.clones):
            await self._in_turn(number, sides, lambda url, to: self._git("clone", "--quiet", "--bare", url, to))
        return sides

    async def pushes(self) -> tuple[Side, Side]:
        """Each side gets the same commit onto the same branch."""
        sides = self._sides()
        for number in range(self._size.pushes):
            for file in range(20):
                path = self._source / f"folder-{file}" / f"push-{number}.txt"
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"{number} {file}\n" * 20)
            await self._git("add", "--all", at=self._source)
            await self._git("commit", "--quiet", "-m", f"push {number}", at=self._source)
            await self._in_turn(number, sides, lambda url, _: self._push(url))
        return sides

    async def histories(self) -> tuple[Side, Side]:
        """The whole history into a repository that has none of it."""
        sides = self._sides()
        for number in range(self._size.histories):
            name = f"history-{number}"
            await self._server.repository(name)
            await self._git("init", "--quiet", "--bare", str(self._plain / f"{name}.git"))
            await self._in_turn(number, sides, lambda url, _: self._push(url, "load:refs/heads/work"), name=name)
        return sides

    async def _push(self, url: str, what: str = "load:refs/heads/work") -> None:
        await self._git("push", "--quiet", url, what, at=self._source)

    def _sides(self) -> tuple[Side, Side]:
        return Side(pid=self._server.pid), Side(pid=self._pid)

    def _url(self, name: str) -> str:
        return f"{self._server.url}/git/{self._server.tenant}/{self._server.project}/{name}.git"

    async def _in_turn(
        self, number: int, sides: tuple[Side, Side], run: Callable[[str, str], Awaitable[None]], *, name: str = "git"
    ) -> None:
        urls = (self._url(name), f"{self._address}/{name}.git")
        for index in (0, 1) if number % 2 == 0 else (1, 0):
            to = self._folder / "clone"
            cpu, started = tree_cpu(sides[index].pid), time.perf_counter()
            await run(urls[index], str(to))
            sides[index].seconds.append(time.perf_counter() - started)
            await asyncio.sleep(0.05)
            sides[index].cpu.append(tree_cpu(sides[index].pid) - cpu)
            shutil.rmtree(to, ignore_errors=True)

    async def _git(self, *arguments: str, at: Path | None = None, given: bytes | None = None) -> None:
        who = {f"GIT_{role}_{part}": "bench" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        env = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "GIT_CONFIG_NOSYSTEM": "1", **who}
        process = await asyncio.create_subprocess_exec(
            "git", "-c", self._header, "-c", "gc.auto=0", *arguments, cwd=at, env=env,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await asyncio.wait_for(process.communicate(given), PATIENCE)
        if process.returncode != 0:
            raise RuntimeError(f"git {arguments[0]} ended with {process.returncode}: {said.decode()}")


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[tuple[int, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.http_backend", str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        yield process.pid, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def _history(size: Size) -> bytes:
    """A stream for ``git fast-import``: all files, then commits that change four of them each."""
    lines: list[str] = []
    for number in range(size.commits):
        changed = range(size.files) if number == 0 else [(number * 37 + one * 401) % size.files for one in range(4)]
        message = f"commit {number}\n"
        lines.append(f"commit refs/heads/load\ncommitter bench <bench> {1_700_000_000 + number} +0000\n")
        lines.append(f"data {len(message)}\n{message}")
        for file in changed:
            text = f"file {file} of commit {number}\n" + "".join(f"line {file * 7 + row}\n" for row in range(40))
            lines.append(f"M 100644 inline folder-{file % 50}/file-{file}.txt\ndata {len(text)}\n{text}\n")
    return "".join(lines).encode()


def _rows(name: str, within: float, ours: Side, plain: Side) -> list[Row]:
    mine, other = statistics.median(ours.seconds), statistics.median(plain.seconds)
    return [
        beside(name, mine * 1000, "ms", plain=f"{PLAIN}: {other * 1000:.0f} ms", ratio=mine / other, bound=within),
        under(f"{name}, server CPU", statistics.mean(ours.cpu) * 1000, "ms"),
        under(f"{name}, server CPU of plain git", statistics.mean(plain.cpu) * 1000, "ms"),
    ]
