"""What a test needs beyond Python and git: absent, it is skipped with how to get it; in CI it fails instead."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from providers.pipelines.local.sandbox import abi

ROOT: Final = Path(__file__).parents[1]
WHEELHOUSE: Final = Path(sys.prefix) / "wheelhouse"
NODE_MODULES: Final = ROOT / "tests" / "node" / "node_modules"


def postgres_program(name: str) -> str | None:
    """The path of one of PostgreSQL's programs, newest version first."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(installed[0]) if installed else shutil.which(name)


_FOUND: Final[dict[str, tuple[Callable[[], bool], str]]] = {
    "node": (
        lambda: shutil.which("node") is not None and NODE_MODULES.is_dir(),
        "install nodejs and npm, then run 'npm ci' in tests/node",
    ),
    "postgresql": (lambda: postgres_program("initdb") is not None, "install postgresql"),
    "landlock": (lambda: abi() > 0, "boot Linux 5.13 or newer with Landlock on"),
    "wheelhouse": (lambda: WHEELHOUSE.is_dir(), "run 'make install'"),
    "skopeo": (lambda: shutil.which("skopeo") is not None, "install skopeo"),
    "chromium": (lambda: shutil.which("chromium") is not None, "install chromium"),
}


_OF_THE_KERNEL: Final = frozenset({"landlock"})


def needs(tool: str) -> pytest.MarkDecorator:
    """Marks a test; with SLIPWAY_TEST_ALL set nothing that can be installed is skipped, so what is missing fails."""
    found, how = _FOUND[tool]
    may_skip = tool in _OF_THE_KERNEL or not os.environ.get("SLIPWAY_TEST_ALL")
    skipped = may_skip and not found()
    return pytest.mark.skipif(skipped, reason=f"{tool} is not on this machine: {how}")
