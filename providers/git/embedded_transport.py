"""Git's wire protocol by stock git: clones and fetches streamed, pushes taken apart aside before any ref moves."""

import asyncio
import contextlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

import structlog

from providers.git.arrivals import arrived
from providers.git.errors import PushCorrupt, RefMoved, RefRefused, RepositoryMissing, RequestMalformed
from providers.git.incoming_paths import check_incoming
from providers.git.packets import ZERO, packet
from providers.git.processes import GitFailed, Slots, environment, run, stream
from providers.git.repositories import GitRepositories
from providers.git.transport import GitService
from providers.git.values import BRANCHES, CommitInfo, RefUpdate, RepositoryKey

SLOTS: Final = 16
UNPACK_SECONDS: Final = 900.0
REF_SECONDS: Final = 60.0
LEFT_OVER_SECONDS: Final = 3_600.0
_log = structlog.get_logger()
_MOVED: Final = ("but expected", "reference already exists", "unable to resolve reference")
_REF = re.compile(r"cannot lock ref '([^']+)': (.+)")


class EmbeddedTransport:
    """GitTransport beside an EmbeddedGit; ``aside`` is on the same file system as the repositories.

    At most ``slots`` fetches and as many pushes have processes at once, so that neither starves the other.
    """

    def __init__(self, repositories: GitRepositories, aside: Path, *, slots: int = SLOTS) -> None:
        self._repositories = repositories
        self._aside = aside
        self._fetches, self._pushes = Slots(slots), Slots(slots)

    def _folder(self, key: RepositoryKey) -> Path:
        path = self._repositories.path(key)
        if not (path / "HEAD").exists():
            raise RepositoryMissing(f"repository {key.repository_id.hex} is not on this machine")
        return path

    async def advertise(self, key: RepositoryKey, service: GitService, *, protocol: str) -> AsyncIterator[bytes]:
        """By ``--advertise-refs``; only version 2 goes without the line that names the service."""
        folder, program = self._folder(key), service.removeprefix("git-")
        if service is GitService.PUSH or not _is_version_2(protocol):
            yield packet(f"# service={service}\n".encode()) + b"0000"
        env = environment(GIT_PROTOCOL=protocol)
        arguments = [program, "--stateless-rpc", "--advertise-refs", "."]
        async with self._of(service).one():
            async for chunk in stream(arguments, folder, source=asyncio.subprocess.DEVNULL, env=env):
                yield chunk

    async def fetch(self, key: RepositoryKey, request: BinaryIO, *, protocol: str) -> AsyncIterator[bytes]:
        """By ``git upload-pack`` itself: one process less than ``git http-backend``.

        Once it has begun to answer, what goes wrong is told to the client by its own protocol, or by its sudden end.
        """
        env = environment(GIT_PROTOCOL=protocol)
        folder, arguments = self._folder(key), ["upload-pack", "--stateless-rpc", "."]
        begun = False
        async with self._fetches.one():
            try:
                async for chunk in stream(arguments, folder, source=request, env=env):
                    begun = True
                    yield chunk
            except GitFailed as failed:
                if not begun and "protocol error" in failed.said:
                    raise RequestMalformed(failed.said) from failed
                if not begun:
                    raise
                _log.warning("a fetch ended early", repository=key.repository_id.hex, said=failed.said)

    def _of(self, service: GitService) -> Slots:
        return self._pushes if service is GitService.PUSH else self._fetches

    @asynccontextmanager
    async def receive(self, key: RepositoryKey, pack: BinaryIO, tips: Sequence[str]) -> AsyncIterator["IncomingPack"]:
        """In a folder of its own with the repository's objects as alternates, as ``git receive-pack`` does."""
        async with self._pushes.one(), self._quarantined(key, pack, tips) as incoming:
            yield incoming

    @asynccontextmanager
    async def _quarantined(
        self, key: RepositoryKey, pack: BinaryIO, tips: Sequence[str]
    ) -> AsyncIterator["IncomingPack"]:
        folder = self._folder(key)
        aside = self._aside / uuid4().hex
        (aside / "pack").mkdir(parents=True)
        env = environment(
            GIT_OBJECT_DIRECTORY=str(aside.resolve()),
            GIT_ALTERNATE_OBJECT_DIRECTORIES=str((folder / "objects").resolve()),
        )
        try:
            if await asyncio.to_thread(_holds_objects, pack):
                await _sound(["index-pack", "--stdin", "--fix-thin", "--strict"], folder, source=pack, env=env)
            wanted = "".join(f"{tip}\n" for tip in tips).encode()
            arguments = ["rev-list", "--objects", "--stdin", "--not", "--all", "--quiet"]
            checking = asyncio.create_task(check_incoming(folder, aside, tips, env))
            try:
                await _sound(arguments, folder, source=wanted, env=env)
                await checking
            finally:
                checking.cancel()
                await asyncio.gather(checking, return_exceptions=True)
            yield IncomingPack(aside / "pack", folder / "objects" / "pack")
        finally:
            await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)

    async def tidy(self) -> None:
        """Removes what a killed process left aside; younger folders may be another process's."""
        await asyncio.to_thread(self._tidy)

    def _tidy(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            for left in self._aside.iterdir():
                if time.time() - left.stat().st_mtime > LEFT_OVER_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)

    async def arrived(
        self, key: RepositoryKey, tips: Sequence[str], *, known: Sequence[str], limit: int
    ) -> list[tuple[CommitInfo, ...]]:
        """By one walk for all of them."""
        return await arrived(self._folder(key), tips, known, limit)

    async def swap_all(self, key: RepositoryKey, updates: Sequence[RefUpdate]) -> None:
        """One transaction of ``git update-ref``."""
        lines = [f"update {one.ref}\0{one.new or ZERO}\0{one.old or ZERO}\0" for one in updates]
        code, said = await run(
            ["update-ref", "--stdin", "-z"],
            self._folder(key),
            source="".join(lines).encode(),
            env=environment(),
            seconds=REF_SECONDS,
        )
        if code == 0:
            return
        found = _REF.search(said)
        ref, reason = (found[1], found[2].strip()) if found else (updates[0].ref, said.strip())
        if any(words in reason for words in _MOVED):
            if not ref.startswith(BRANCHES):
                raise RefRefused(ref, f"somebody else has moved {ref}: fetch, then push again")
            raise RefMoved(ref.removeprefix(BRANCHES), next(one.old for one in updates if one.ref == ref), None)
        raise RefRefused(ref, reason)


class IncomingPack:
    """Incoming: packs beside the repository's."""

    def __init__(self, aside: Path, home: Path) -> None:
        self._aside, self._home = aside, home

    async def keep(self) -> None:
        """The index last, so that nobody finds a pack without it; then the folder is made durable."""
        await asyncio.to_thread(self._keep)

    def _keep(self) -> None:
        packs = sorted(self._aside.iterdir(), key=lambda path: path.suffix == ".idx")
        self._home.mkdir(exist_ok=True)
        for path in packs:
            path.rename(self._home / path.name)
        folder = os.open(self._home, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


async def _sound(arguments: Sequence[str], folder: Path, *, source: BinaryIO | bytes, env: dict[str, str]) -> None:
    code, said = await run(arguments, folder, source=source, env=env, seconds=UNPACK_SECONDS)
    if code != 0:
        raise PushCorrupt(said.strip() or f"git {arguments[0]} ended with {code}")


def _holds_objects(pack: BinaryIO) -> bool:
    """Whether the pack's head counts any; the file is left at its start."""
    head = pack.read(12)
    pack.seek(-len(head), os.SEEK_CUR)
    return head[:4] != b"PACK" or head[8:] != bytes(4)


def _is_version_2(protocol: str) -> bool:
    return "version=2" in protocol.split(":")
