"""What this machine has for Slipway: only looks, changes nothing."""

import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import httpx
from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from providers.pipelines.local.sandbox import abi
from storage.engine import sqlite_url
from storage.migrate import is_newest

_GIT = (2, 31)  # the first that takes configuration from the environment
_SQLITE = (3, 35)  # the first with RETURNING
_ROOM = 2**30


class Verdict(Enum):
    """ABSENT is fine without; LACKING is not."""

    FOUND = "found"
    ABSENT = "absent"
    LACKING = "lacking"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked for; ``remedy`` is how to get it, or what it is for."""

    what: str
    found: str
    verdict: Verdict = Verdict.FOUND
    remedy: str = ""


def examine(data: Path, database_url: str | None, port: int) -> list[Finding]:
    """What is needed first, then what more is of use."""
    return [
        Finding(what="Python", found=sys.version.split()[0]),
        _sqlite(),
        *_git(),
        _data_folder(data, data / "slipway.db") if database_url is None else _database(database_url),
        _disk(data),
        _port(port),
        _sandbox(),
        _program("bubblewrap", "bwrap", "optional, a second wall around other people's code: install bubblewrap"),
        _postgresql(),
        _program("node", "node", "optional, for tests with stock clients: install nodejs and npm"),
        _program("Chromium", "chromium", "optional, for tests in a browser: install chromium"),
    ]


def _sqlite() -> Finding:
    verdict = Verdict.FOUND if sqlite3.sqlite_version_info >= _SQLITE else Verdict.LACKING
    remedy = "" if verdict is Verdict.FOUND else "comes with Python: install a Python with SQLite 3.35 or newer"
    return Finding(what="SQLite", found=sqlite3.sqlite_version, verdict=verdict, remedy=remedy)


def _git() -> list[Finding]:
    told = _first_line("git", "--version")
    if told is None:
        return [Finding(what="git", found="missing", verdict=Verdict.LACKING, remedy="install git")]
    numbers = tuple(int(part) for part in re.findall(r"\d+", told)[:2])
    old = numbers < _GIT
    git = Finding(
        what="git",
        found=told.removeprefix("git version "),
        verdict=Verdict.LACKING if old else Verdict.FOUND,
        remedy="install git 2.31 or newer" if old else "",
    )
    backend = Path(_first_line("git", "--exec-path") or "/nowhere") / "git-http-backend"
    if backend.is_file():
        return [git, Finding(what="git http-backend", found="present")]
    remedy = "clone and push need it: install the package of git that carries git-http-backend"
    return [git, Finding(what="git http-backend", found="missing", verdict=Verdict.LACKING, remedy=remedy)]


def _data_folder(data: Path, database: Path) -> Finding:
    what = f"data folder {data}"
    if not database.exists():
        return Finding(what=what, found="no installation in it yet", remedy="'slipway serve' makes one")
    return Finding(what=what, found=_version(sqlite_url(database)))


def _database(url: str) -> Finding:
    where = make_url(url)
    what = f"database {where.render_as_string(hide_password=True)}"
    try:
        return Finding(what=what, found=_version(where))
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        remedy = "start it, or set SLIPWAY_DATABASE_URL to one that answers"
        return Finding(what=what, found=f"does not answer: {reason}", verdict=Verdict.LACKING, remedy=remedy)


def _version(url: URL) -> str:
    newest = is_newest(url)
    return f"an installation of {'this' if newest else 'another'} version{'' if newest else ': back up before serve'}"


def _disk(data: Path) -> Finding:
    there = next(path for path in (data.absolute(), *data.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    little = free < _ROOM
    return Finding(
        what="free disk",
        found=f"{free / 2**30:.1f} GiB",
        verdict=Verdict.LACKING if little else Verdict.FOUND,
        remedy="free 1 GiB, or name another folder with --data" if little else "",
    )


def _port(port: int) -> Finding:
    what = f"port {port}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return Finding(what=what, found="free")
        except OSError:
            pass
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2)
        ours = answer.json() == {"status": "ok"}
    except (httpx.HTTPError, ValueError):
        ours = False
    if ours:
        return Finding(what=what, found="a Slipway answers here")
    return Finding(what=what, found="taken by another program", remedy="'slipway serve' takes a free one instead")


def _sandbox() -> Finding:
    if version := abi():
        return Finding(what="sandbox", found=f"SANDBOXED, Landlock ABI {version}")
    remedy = "other people's code would see this user's files: Linux 5.13 or newer with Landlock on"
    return Finding(what="sandbox", found="UNSANDBOXED, no Landlock", verdict=Verdict.ABSENT, remedy=remedy)


def _postgresql() -> Finding:
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if servers:
        return Finding(what="PostgreSQL", found=servers[0].parts[-3])
    return _program("PostgreSQL", "initdb", "optional, to scale out and for tests: install postgresql")


def _program(what: str, command: str, remedy: str) -> Finding:
    told = _first_line(command, "--version")
    if told is None:
        return Finding(what=what, found="missing", verdict=Verdict.ABSENT, remedy=remedy)
    return Finding(what=what, found=told)


def _first_line(command: str, argument: str) -> str | None:
    """What a program tells of itself, or None when it is not here or does not run."""
    path = shutil.which(command)
    if path is None:
        return None
    try:
        done = subprocess.run([path, argument], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines()[0].strip() if done.stdout else None
