"""Importing a module opens nothing and reads no environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_sizes import ROOT, sources

# Blames our own module-level code. What a library does while it is itself imported is the library's affair, and so are
# the settings of its own that it looks for in the environment.
WATCHED = """
import importlib, os, sys
root = sys.argv[1]

def ours(libraries):
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return None
        if not libraries and "/site-packages/" in name:
            return None
        if name.startswith(root) and "/.venv/" not in name:
            return f"{name[len(root) + 1:]}:{frame.f_lineno}"
        frame = frame.f_back
    return None

found = []

def heard(event, arguments):
    if event in {"open", "sqlite3.connect", "socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir"}:
        if (where := ours(True)) is not None:
            found.append(f"{where}: {event} {arguments[0]!r}")

read = os._Environ.__getitem__

def watched(self, key):
    if (where := ours(False)) is not None:
        found.append(f"{where}: environment {key}")
    return read(self, key)

os._Environ.__getitem__ = watched
sys.addaudithook(heard)
for name in sys.argv[2:]:
    importlib.import_module(name)
print("\\n".join(found))
"""


def watched(*modules: str, at: str = str(ROOT)) -> list[str]:
    command = [sys.executable, "-c", WATCHED, at, *modules]
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def modules() -> list[str]:
    """All that are imported, by name; not what is run."""
    run = ("tests/", "examples/", "storage/migrations/")
    paths = [path for path in sources() if not path.startswith(run) and not path.endswith("__main__.py")]
    return [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]


def test_importing_every_module_opens_nothing_and_reads_no_environment() -> None:
    assert len(modules()) > 150
    assert watched(*modules()) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import os; os.environ.get('HOME')", "careless.py:1: environment HOME"),
        ("open('/dev/null')", "careless.py:1: open '/dev/null'"),
        ("import sqlite3; sqlite3.connect(':memory:')", "careless.py:1: sqlite3.connect ':memory:'"),
        ("import socket; socket.create_server(('127.0.0.1', 0))", "careless.py:1: socket.bind"),
    ],
)
def test_a_module_that_does_is_found(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "careless.py").write_text(line + "\n")
    assert [one[: len(told)] for one in watched("careless", at=str(tmp_path))] == [told]
