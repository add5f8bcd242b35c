"""What must not stand in the sources: leftovers, drawers, machine paths and registry hosts."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.test_sizes import ROOT, sources

DRAWERS = {"utils", "helpers", "manager", "common", "base", "misc"}
LEFT = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error", "/wo" + "rk/", "/ro" + "ot/"]))
HOSTS = re.compile("|".join(["py" + r"pi\.org", "python" + "hosted", "registry" + r"\.npm", "proxy" + r"\.golang"]))


def texts() -> list[str]:
    """Everything that people wrote, and what was generated for them to read."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [path for path in listed if path and (ROOT / path).is_file() and path != "requirements.txt"]


@pytest.mark.parametrize("path", texts())
def test_nothing_is_left_for_later_and_no_machine_is_named(path: str) -> None:
    text = (ROOT / path).read_text()
    assert LEFT.findall(text) + HOSTS.findall(text) == []


@pytest.mark.parametrize("path", sources())
def test_no_file_is_a_drawer(path: str) -> None:
    assert DRAWERS.isdisjoint(Path(path).with_suffix("").parts)


def test_the_lock_has_a_hash_for_each_requirement_and_names_no_host() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    pinned = re.findall(r"^[a-z0-9._\[\]-]+==", lock, re.MULTILINE | re.IGNORECASE)
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE | re.IGNORECASE)
    assert len(pinned) > 30
    assert [block.split("==")[0] for block in blocks if "==" in block and "--hash=sha256:" not in block] == []
    assert HOSTS.findall(lock) == []
    assert "index-url" not in lock
