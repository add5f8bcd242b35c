"""The folders of one job, laid out as Azure's agent does, and the commit checked out into them."""

import asyncio
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pygit2

from providers.git import processes
from providers.pipelines.errors import ExecutorFailed
from providers.pipelines.local.files import Files, Outside

CHECKOUT_SECONDS: Final = 600.0
PATH: Final = f"{sys.base_prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Below ``root``: sources, artifacts to stage, binaries, results of tests, temporary files and a home.

    With a ``wheelhouse`` pip installs from there, and asks no index. ``commit_time`` is in seconds: what is built twice
    from a commit shall be the same bytes.
    """

    root: Path
    wheelhouse: Path | None = None
    commit_time: int | None = None

    @property
    def sources(self) -> Path:
        """Where the commit is checked out, and where steps begin."""
        return self.root / "s"

    @property
    def temp(self) -> Path:
        """Emptied with the job."""
        return self.root / "_temp"

    def make(self) -> None:
        """Clean: what an earlier try left is gone."""
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in (self.sources, self.root / "a", self.root / "b", self.root / "TestResults", self.temp, self.home):
            folder.mkdir(parents=True)

    @property
    def home(self) -> Path:
        """Of this job alone."""
        return self.root / "home"

    def variables(self) -> dict[str, str]:
        """The predefined variables that name its folders."""
        root, sources, staging = str(self.root), str(self.sources), str(self.root / "a")
        return {
            "Agent.BuildDirectory": root,
            "Agent.TempDirectory": str(self.temp),
            "Agent.OS": "Linux",
            "Pipeline.Workspace": root,
            "Build.SourcesDirectory": sources,
            "Build.Repository.LocalPath": sources,
            "Build.ArtifactStagingDirectory": staging,
            "Build.StagingDirectory": staging,
            "Build.BinariesDirectory": str(self.root / "b"),
            "Common.TestResultsDirectory": str(self.root / "TestResults"),
            "System.DefaultWorkingDirectory": sources,
        }

    @property
    def readable(self) -> tuple[Path, ...]:
        """What its steps may read besides."""
        return () if self.wheelhouse is None else (self.wheelhouse,)

    def environment(self) -> dict[str, str]:
        """What every step is given besides its variables; nothing of this process's own."""
        wheels = {} if self.wheelhouse is None else {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheelhouse)}
        times = {} if self.commit_time is None else {"SOURCE_DATE_EPOCH": str(self.commit_time)}
        return (
            wheels
            | times
            | {
                "PATH": PATH,
                "HOME": str(self.home),
                "TMPDIR": str(self.temp),
                "LANG": "C.UTF-8",
                "TF_BUILD": "True",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
            }
        )

    def script(self, text: str) -> Path:
        """The text as a file to be run; ExecutorFailed where a step has put a link in its way."""
        path = self.temp / f"{secrets.token_hex(8)}.sh"
        try:
            with Files(self.root).create(path, executable=False, replace=False) as file:
                file.write((text if text.endswith("\n") else text + "\n").encode())
        except (Outside, OSError) as error:
            raise ExecutorFailed(f"a step's script cannot be written: {error}") from error
        return path

    async def check_out(self, bare: Path, sha: str) -> None:
        """Exactly this commit, alone, in a repository of its own; ExecutorFailed when Git cannot.

        Git runs outside of the sandbox, so it works where no step can reach, and what it made is put in place.
        """
        made = self.root.with_name(f"{self.root.name}.checkout")
        await remove(made)
        made.mkdir()
        for arguments in (
            ("init", "--quiet", "--initial-branch=main"),
            ("fetch", "--quiet", "--depth=1", "--no-tags", "--end-of-options", str(bare), sha),
            ("checkout", "--quiet", "--detach", sha),
        ):
            code, told = await processes.run(
                arguments, made, source=b"", env=processes.environment(), seconds=CHECKOUT_SECONDS
            )
            if code != 0:
                raise ExecutorFailed(f"git {arguments[0]} ended with {code}: {told.strip()[:400]}")
        await asyncio.to_thread(self._put, made)

    def _put(self, made: Path) -> None:
        try:
            if self.sources.is_symlink():
                self.sources.unlink()
            shutil.rmtree(self.sources, ignore_errors=True)
            made.rename(self.sources)
        except OSError as error:
            raise ExecutorFailed(f"the commit cannot be put in place: {error}") from error


def commit_time(bare: Path, sha: str) -> int | None:
    """When the commit was made, or None when the repository has none of that sha."""
    try:
        found = pygit2.Repository(str(bare))[sha]
    except (KeyError, ValueError, pygit2.GitError):
        return None
    return int(found.commit_time) if isinstance(found, pygit2.Commit) else None


async def remove(folder: Path) -> None:
    """Whatever stands below it, also what a step made read-only."""

    def writable(function: object, path: str, error: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)

    def sweep() -> None:
        if folder.exists():
            shutil.rmtree(folder, onerror=writable)

    await asyncio.to_thread(sweep)
