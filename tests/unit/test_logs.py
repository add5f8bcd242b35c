"""What a request's line in the log says, and what it never says."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from starlette.types import Receive, Scope, Send

from http_api.logs import configure_logs
from http_api.request_log import RequestLog


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handlers, level = logging.root.handlers[:], logging.root.level
    configure_logs(stream)
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/broken":
        secret = "hunter2"
        raise RuntimeError(f"no answer{secret[:0]}")
    scope["state"]["told"].update(operationName="Viewer", errorCodes=[], traceId=None)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def asked(path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=RequestLog(answer))
    async with httpx.AsyncClient(transport=transport, base_url="http://slipway.test") as http:
        return await http.get(path, headers={"Authorization": "Bearer hunter2"})


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_request_is_one_line_of_json(logged: io.StringIO) -> None:
    response = await asked("/login?code=hunter2")
    (line,) = lines(logged)
    assert line.pop("time").endswith("Z")
    assert 0 <= line.pop("durationMs") < 10_000
    assert line == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "path": "/login",
        "status": 204,
        "operationName": "Viewer",
        "correlationId": response.headers["x-correlation-id"],
    }


async def test_health_checks_are_not_told(logged: io.StringIO) -> None:
    await asked("/readyz")
    assert lines(logged) == []


async def test_what_nobody_caught_is_500_with_the_id_of_its_traceback(logged: io.StringIO) -> None:
    response = await asked("/broken")
    error, line = lines(logged)
    assert (response.status_code, response.json()["errors"][0]["extensions"]) == (
        500,
        {"code": "INTERNAL", "id": response.headers["x-correlation-id"]},
    )
    assert "RuntimeError: no answer" in error["exception"]
    assert error["correlationId"] == line["correlationId"] == response.headers["x-correlation-id"]
    assert "hunter2" not in logged.getvalue()


def test_the_libraries_warnings_take_the_same_form(logged: io.StringIO) -> None:
    logging.getLogger("some.library").warning("take %s", "care")
    logging.getLogger("some.library").info("chatter")
    (line,) = lines(logged)
    assert (line["event"], line["level"]) == ("take care", "warning")


async def test_a_terminal_is_told_in_colours_without_local_variables() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    handlers, level = logging.root.handlers[:], logging.root.level
    configure_logs(terminal)
    structlog.configure(cache_logger_on_first_use=False)
    await asked("/broken")
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    assert "\x1b[" in terminal.getvalue()
    assert "RuntimeError: no answer" in terminal.getvalue()
    assert "hunter2" not in terminal.getvalue()
