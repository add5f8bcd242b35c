"""The outside world of one process: the embedded adapters, in the data folder."""

from dataclasses import dataclass
from pathlib import Path

from providers.blobs.folder import BlobFolder
from providers.git.embedded import EmbeddedGit
from providers.git.embedded_transport import EmbeddedTransport
from providers.packages.pypi.embedded import EmbeddedPypi
from providers.pipelines.local.log import FileRunLogs
from providers.pipelines.local.runner import LocalRunner


@dataclass(frozen=True, kw_only=True)
class Providers:
    """Every adapter, built once."""

    git: EmbeddedGit
    transport: EmbeddedTransport
    run_logs: FileRunLogs
    runner: LocalRunner
    blobs: BlobFolder
    python_packages: EmbeddedPypi


def build_providers(data: Path, *, git_slots: int, run_slots: int, wheelhouse: Path | None) -> Providers:
    """The embedded ones; their folders are made when they are first written to."""
    git = EmbeddedGit(data / "git")
    run_logs, blobs = FileRunLogs(data / "logs"), BlobFolder(data / "blobs")
    return Providers(
        git=git,
        transport=EmbeddedTransport(git, data / "git" / ".incoming", slots=git_slots),
        blobs=blobs,
        python_packages=EmbeddedPypi(blobs),
        run_logs=run_logs,
        runner=LocalRunner(data / "work", git, run_logs, blobs, slots=run_slots, wheelhouse=wheelhouse),
    )
