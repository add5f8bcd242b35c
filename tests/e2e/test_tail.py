"""``slipway events tail`` against a served installation."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.api.conftest import Client, admin, operator, serving
from tests.e2e.children import Server, ask, free_port
from tests.machine import ROOT

__all__ = ["admin", "operator"]


class Tail:
    """The command as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 40)).decode().rstrip()

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [json.loads(await self.line()) for _ in range(count)]

    async def told(self) -> str:
        """What it says on stderr once it has ended."""
        assert self.process.stderr is not None
        return (await asyncio.wait_for(self.process.stderr.read(), 40)).decode()


@asynccontextmanager
async def tail(url: str, token: str, *options: str) -> AsyncIterator[Tail]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "events", "tail", "--url", url, *options,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SLIPWAY_TOKEN": token, "COLUMNS": "40"},
    )  # fmt: skip
    try:
        yield Tail(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_prints_a_readable_line_for_each_event_and_ends_well_when_interrupted(admin: Client) -> None:
    async with serving(admin.slipway) as url, tail(url, admin.token, "--from-beginning") as running:
        await admin.done("createProject", "project { id }", name="booking")
        lines = [(await running.line()).split() for _ in range(4)]
        assert [(cursor, kind) for _, cursor, kind, *_ in lines] == [
            ("e1", "TenantCreated"), ("e2", "IdentityCreated"), ("e3", "TokenIssued"), ("e4", "ProjectCreated"),
        ]  # fmt: skip
        assert lines[3][4:6] == ["name", "booking"]
        running.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(running.process.wait(), 20) == 0
        assert await running.told() == ""


async def test_json_lines_are_whole_envelopes_from_the_cursor_on_of_the_types_asked_for(admin: Client) -> None:
    options = ("--json", "--after", "e1", "--type", "TokenIssued", "--type", "ProjectCreated")
    async with serving(admin.slipway) as url, tail(url, admin.token, *options) as running:
        await admin.done("createProject", "project { id }", name="booking")
        events = await running.events(2)
    assert [(event["sequence"], event["eventType"]) for event in events] == [(3, "TokenIssued"), (4, "ProjectCreated")]
    assert events[1]["payload"]["name"] == "booking"
    assert len(events[1]["hash"]) == 64


async def test_it_ends_well_after_as_many_events_as_it_was_asked_for(admin: Client) -> None:
    async with serving(admin.slipway) as url, tail(url, admin.token, "--from-beginning", "--limit", "2") as running:
        kinds = [(await running.line()).split()[2] for _ in range(2)]
        assert await asyncio.wait_for(running.process.wait(), 20) == 0
        assert (kinds, await running.line()) == (["TenantCreated", "IdentityCreated"], "")


async def test_it_goes_on_where_it_broke_off_when_the_server_is_killed(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    make = "mutation($name: String!) { createProject(input: {name: $name}) { errors { code } } }"
    server = Server(data, port)
    try:
        await server.ready()
        token = server.token()
        async with tail(server.url, token, "--json", "--from-beginning") as running:
            await ask(server.url, token, make, name="before")
            seen = await running.events(4)
            server.kill()
            server = Server(data, port)
            await server.ready()
            await ask(server.url, token, make, name="after")
            seen += await running.events(1)
    finally:
        server.kill()
    assert [event["sequence"] for event in seen] == [1, 2, 3, 4, 5]
    assert seen[-1]["payload"]["name"] == "after"


async def test_it_gives_up_after_its_retries(tmp_path: Path) -> None:
    async with tail(f"http://127.0.0.1:{free_port()}", "t", "--retries", "1") as running:
        assert await asyncio.wait_for(running.process.wait(), 40) == 1
        told = (await running.told()).splitlines()
    assert len(told) == 2
    assert told[0].endswith("trying again in 0.5 s")
    assert " is not there: " in told[1]


async def test_a_token_or_cursor_that_is_refused_ends_it(admin: Client) -> None:
    async with serving(admin.slipway) as url:
        async with tail(url, "no") as running:
            assert await asyncio.wait_for(running.process.wait(), 40) == 1
            assert "answered 401: the token is not valid here" in await running.told()
        async with tail(url, admin.token, "--after", "e99") as running:
            assert await asyncio.wait_for(running.process.wait(), 40) == 1
            assert "'e99' lies beyond this tenant's stream" in await running.told()
