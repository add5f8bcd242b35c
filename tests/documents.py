"""The Markdown files of the checkout and what stands between their fences."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.machine import ROOT


class Block(NamedTuple):
    """``language`` is empty where none is told; ``line`` is the first within the fences."""

    language: str
    text: str
    path: str
    line: int


def documents() -> list[str]:
    """Every Markdown file that is, or is about to be, committed."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    return [path for path in listed.stdout.splitlines() if (ROOT / path).is_file()]


def blocks(path: str) -> list[Block]:
    """The fenced blocks of one file, in order."""
    text = (ROOT / path).read_text()
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(match[1], match[2], path, text[: match.start()].count("\n") + 2) for match in found]


def prose(path: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", (ROOT / path).read_text(), flags=re.MULTILINE | re.DOTALL)


def checkout(at: Path) -> Path:
    """The checkout as a newcomer has it, by links, so that what it writes lies apart."""
    at.mkdir()
    for part in ROOT.iterdir():
        if part.name not in {".venv", ".git", "data"}:
            (at / part.name).symlink_to(part)
    return at
