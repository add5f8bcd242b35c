"""``slipway doctor``."""

import shutil
import sqlite3
import subprocess
import sys

import typer
from rich.console import Console
from rich.table import Table


def doctor() -> None:
    """One line for each thing the platform can use; exit code 1 when something it needs is missing."""
    table = Table("what", "found", "if missing")
    git = _first_line("git", "--version")
    table.add_row("Python", sys.version.split()[0], "install Python 3.11 or newer")
    table.add_row("SQLite", sqlite3.sqlite_version, "comes with Python")
    table.add_row("git", git or "missing", "install the package git")
    table.add_row("PostgreSQL", _first_line("psql", "--version") or "missing", "optional: install postgresql")
    Console().print(table)
    if git is None:
        raise typer.Exit(1)


def _first_line(command: str, argument: str) -> str | None:
    path = shutil.which(command)
    if path is None:
        return None
    done = subprocess.run([path, argument], capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.splitlines()[0] if done.stdout else None
