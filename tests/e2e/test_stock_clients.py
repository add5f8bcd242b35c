"""graphql-ws and graphql-sse, as everybody installs them, against a served installation."""

import asyncio
import json
from typing import Any

import pytest

from tests.api.conftest import Client, admin, operator, serving
from tests.machine import ROOT, needs

__all__ = ["admin", "operator"]
pytestmark = needs("node")
CLIENTS = ["graphql-ws", "graphql-sse"]


async def run(client: str, task: str, url: str, token: str) -> Any:
    """What the script printed."""
    process = await asyncio.create_subprocess_exec(
        "node", "live.mjs", client, task, url + "/graphql", token,
        cwd=ROOT / "tests" / "node", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, err.decode()
    return json.loads(out)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_replay_goes_on_from_the_last_cursor_after_a_lost_connection(admin: Client, client: str) -> None:
    for name in ("one", "two"):
        await admin.done("createProject", "project { id }", name=name)
    async with serving(admin.slipway) as url:
        assert await run(client, "resume", url, admin.token) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_mutation_is_one_result(admin: Client, client: str) -> None:
    async with serving(admin.slipway) as url:
        assert await run(client, "mutate", url, admin.token) == [
            {"data": {"createProject": {"project": {"name": "from-node"}, "errors": []}}}
        ]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_cursor_of_no_stream_is_told_with_its_code(admin: Client, client: str) -> None:
    async with serving(admin.slipway) as url:
        (error,) = await run(client, "invalid", url, admin.token)
    assert error["extensions"] == {"code": "INVALID_CURSOR", "field": "after"}


async def test_a_token_is_refused_with_4403_on_a_socket_and_401_on_a_stream(admin: Client) -> None:
    async with serving(admin.slipway) as url:
        socket = await run("graphql-ws", "refused", url, "no")
        stream = await run("graphql-sse", "refused", url, "no")
    assert socket == {"closed": [4403], "code": 4403, "status": None}
    assert stream == {"closed": [], "code": None, "status": 401}
