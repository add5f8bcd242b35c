"""The command line as people and scripts use it: one line for what went wrong, and an exit code that says so."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.app import run
from cli.event_catalogue import DOCUMENT
from main import Settings, Slipway
from services.actor import Actor
from services.platform.issuer import InvalidToken
from storage.event_log import EventFilter, read
from storage.tables.operations import EventRow
from tests.machine import ROOT


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    def failure(self, code: int) -> str:
        """Its one line."""
        assert (self.code, self.out) == (code, ""), self
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("slipway: ")
        return lines[0]


Command = Callable[..., Done]
CREATE = ("token", "create", "--tenant", "operator", "--identity", "admin")


@pytest.fixture
def slipway(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The commands, as the console script runs them."""
    monkeypatch.delenv("SLIPWAY_DATA", raising=False)

    def call(*arguments: str) -> Done:
        capsys.readouterr()
        code = run(arguments)
        told = capsys.readouterr()
        return Done(code=code, out=told.out, err=told.err)

    return call


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with the operator tenant in it."""
    asyncio.run(found(tmp_path / "data"))
    return tmp_path / "data"


async def found(data: Path) -> None:
    installation = Slipway(Settings(data=data))
    assert await installation.start() is not None
    await installation.database.close()


async def caller(data: Path, token: str) -> Actor:
    installation = Slipway(Settings(data=data))
    try:
        return await installation.authenticate(token)
    finally:
        await installation.database.close()


async def issued(installation: Slipway, actor: Actor) -> list[EventRow]:
    async with installation.database.reading(actor.access) as session:
        return list(await read(session, actor.access, after=0, wanted=EventFilter(types=("TokenIssued",)), limit=10))


def test_a_token_is_printed_alone_and_is_what_was_asked_for(slipway: Command, data: Path) -> None:
    done = slipway(*CREATE, "--scope", "devops.read", "--lifetime", "12h", "--data", str(data))
    assert (done.code, done.err) == (0, "")
    actor = asyncio.run(caller(data, done.out.strip()))
    assert (actor.name, actor.scopes, actor.project_ids) == ("admin", frozenset({"devops.read"}), None)
    lives = datetime.fromtimestamp(actor.expires_at, UTC) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=58) < lives <= timedelta(hours=12)


async def test_a_token_made_beside_a_served_installation_holds_there_and_is_told(
    slipway: Command, tmp_path: Path
) -> None:
    served = Slipway(Settings(data=tmp_path))
    await served.start()
    try:
        arguments = (*CREATE, "--scope", "devops.admin", "--data", str(tmp_path))
        actor = await served.authenticate((await asyncio.to_thread(slipway, *arguments)).out.strip())
        events = await issued(served, actor)
        assert [event.subject_id == actor.token_id for event in events] == [False, True]
        assert events[-1].actor_id is None
    finally:
        await served.database.close()


def test_a_token_of_another_installation_does_not_hold(slipway: Command, data: Path, tmp_path: Path) -> None:
    done = slipway(*CREATE, "--scope", "devops.read", "--data", str(data))
    asyncio.run(found(tmp_path / "other"))
    with pytest.raises(InvalidToken):
        asyncio.run(caller(tmp_path / "other", done.out.strip()))


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (("--tenant", "nobody"), 1, "there is no tenant 'nobody'"),
        (("--identity", "nobody"), 1, "nobody"),
        (("--project", "nowhere"), 1, "nowhere"),
        (("--lifetime", "400d"), 1, "366 days"),
        (("--lifetime", "soon"), 2, "such as 90m, 12h or 30d"),
        (("--scope", "everything"), 2, "'devops.read'"),
    ],
)
def test_a_token_that_cannot_be_made_is_refused_in_one_line(
    slipway: Command, data: Path, change: tuple[str, str], code: int, told: str
) -> None:
    assert told in slipway(*CREATE, "--scope", "devops.read", "--data", str(data), *change).failure(code)


def test_a_folder_without_an_installation_stays_untouched(slipway: Command, tmp_path: Path) -> None:
    done = slipway(*CREATE, "--scope", "devops.read", "--data", str(tmp_path / "none"))
    assert "'slipway serve' makes one" in done.failure(1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("build",), ("serve", "--port", "many"), ("token",), ("token", "create")])
def test_a_wrong_command_line_is_one_line_and_exit_code_2(slipway: Command, arguments: tuple[str, ...]) -> None:
    slipway(*arguments).failure(2)


def test_a_taken_port_is_one_line_that_names_it(slipway: Command, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert port in slipway("serve", "--port", port, "--data", str(tmp_path / "data")).failure(2)


def test_the_event_catalogue_is_printed_as_it_is_committed(slipway: Command) -> None:
    done = slipway("events", "docs")
    assert (done.code, done.out) == (0, DOCUMENT.read_text())


def test_without_arguments_the_commands_are_told(slipway: Command) -> None:
    done = slipway()
    assert (done.code, done.err) == (0, "")
    assert all(command in done.out for command in ("serve", "demo", "token", "schema", "doctor"))


def test_the_exit_code_reaches_the_shell() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "build"], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (2, b"slipway: No such command 'build'.\n")


def test_the_doctor_tells_each_thing_on_a_line(slipway: Command, data: Path) -> None:
    done = slipway("doctor", "--data", str(data))
    assert (done.code, done.err) == (0, "")
    told = dict(line[2:].split(": ", 1) for line in done.out.splitlines())
    assert told[f"data folder {data}"] == "an installation of this version"
    assert told["sandbox"].startswith(("SANDBOXED, Landlock ABI ", "UNSANDBOXED"))
    assert {"Python", "SQLite", "git", "git http-backend", "free disk", "PostgreSQL", "node", "bubblewrap"} < set(told)


def test_the_doctor_fails_without_git_and_says_how_to_get_it(
    slipway: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = slipway("doctor", "--data", str(tmp_path / "data"))
    assert (done.code, done.err) == (1, "slipway: this machine lacks git\n")
    assert "git: missing (install git)" in done.out
    assert "no installation in it yet" in done.out
    assert list(tmp_path.iterdir()) == []
