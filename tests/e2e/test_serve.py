"""`slipway serve`: its login link, its log, and how it goes when it is told to."""

import asyncio
import json
import re
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cli.serve import listen
from tests.e2e.children import Server, ask, free_port


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    started = Server(tmp_path / "data", free_port())
    await started.ready()
    yield started
    if started.process.poll() is None:
        started.kill()


async def half_sent(server: Server, token: str, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request that is under way until the rest of its body is sent."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:-1])
    await writer.drain()
    return reader, writer


async def stream(server: Server, token: str, opened: asyncio.Event) -> str:
    """Everything that an event stream brings until it ends."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    told = ""
    async with httpx.AsyncClient(timeout=30) as http:
        body = {"query": "subscription { events { cursor } }"}
        async with http.stream("POST", server.url + "/graphql", json=body, headers=headers) as response:
            async for text in response.aiter_text():
                told += text
                opened.set()
    return told


async def test_told_to_end_it_is_unready_finishes_what_is_under_way_and_ends_with_0(server: Server) -> None:
    token, opened = server.token(), asyncio.Event()
    body = json.dumps({"query": "{ __typename }"}).encode()
    reader, writer = await half_sent(server, token, body)
    streaming = asyncio.create_task(stream(server, token, opened))
    await asyncio.wait_for(opened.wait(), 20)
    async with connect(f"ws{server.url.removeprefix('http')}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        server.process.send_signal(signal.SIGTERM)
        async with httpx.AsyncClient() as http:
            async with asyncio.timeout(5):
                while (unready := await http.get(server.url + "/readyz")).status_code == 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert (unready.status_code, unready.json()) == (503, {"status": "shutting down"})
        assert await ask(server.url, token, "{ __typename }") == {"__typename": "Query"}
        told = await asyncio.wait_for(streaming, 20)
        assert "event: complete" not in told
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await asyncio.wait_for(socket.recv(), 20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in (1001, 1012)
    assert server.process.poll() is None
    writer.write(body[-1:])
    assert (await asyncio.wait_for(reader.read(), 20)).endswith(b'{"data":{"__typename":"Query"}}')
    writer.close()
    assert await asyncio.to_thread(server.process.wait, 20) == 0
    assert "Traceback" not in server.told.read_text()


async def test_an_answer_is_sent_without_waiting_for_more_of_it() -> None:
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        told.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = listen("127.0.0.1", 0)
    async with await asyncio.start_server(serve, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await asyncio.wait_for(told, 20) == 1
        writer.close()
        await writer.wait_closed()


async def test_a_second_signal_does_not_wait(server: Server) -> None:
    _, writer = await half_sent(server, server.token(), b"{}")
    for _ in range(2):
        server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
    assert await asyncio.to_thread(server.process.wait, 5) == 0
    writer.close()


def requests_told(server: Server) -> list[dict[str, Any]]:
    """A line is written once its answer is, so the client may be quicker."""
    whole = server.told.read_text().rpartition("\n")[0]
    lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "request"]


async def test_a_request_is_one_line_without_tokens_and_variables(server: Server) -> None:
    token = server.token()
    query = "query Look($name: String!) { viewer { tenant { id } identity { id } } project(name: $name) { id } }"
    viewer = (await ask(server.url, token, query, name="hunter2"))["viewer"]
    make = 'mutation Make { createProject(input: {name: "p"}) { events { traceId } } }'
    made = (await ask(server.url, token, make))["createProject"]["events"][0]
    async with asyncio.timeout(5):
        while len(lines := requests_told(server)) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    looked, wrote = lines
    text = server.told.read_text()
    assert (looked["operationName"], looked["method"], looked["path"]) == ("Look", "POST", "/graphql")
    assert (looked["status"], looked["tenantId"]) == (200, viewer["tenant"]["id"])
    assert looked["identity"] == viewer["identity"]["id"]
    assert (wrote["operationName"], wrote["traceId"]) == ("Make", made["traceId"])
    assert "hunter2" not in text
    assert text.count(token) == 1


async def test_a_start_tells_a_login_link_that_works_once(server: Server) -> None:
    found = re.search(rf"{re.escape(server.url)}/login\?code=\S+", server.told.read_text())
    assert found is not None
    async with httpx.AsyncClient(follow_redirects=True, headers={"Accept": "text/html"}) as http:
        page = await http.get(found[0])
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (await http.get(found[0])).status_code == 403
