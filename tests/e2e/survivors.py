"""A client of a server that dies: it starts the server again and repeats what was not answered, with the same key."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.children import Child
from tests.e2e.served import git

PATIENCE = 20.0
KILLED = -int(signal.SIGKILL)
Told = tuple[str, list[str]]


class Survivor:
    """``armed(deaths)`` is the failpoint that the server is started with, after so many deaths."""

    def __init__(self, data: Path, armed: Callable[[int], str | None] = lambda deaths: None) -> None:
        self.data = data
        self.deaths = 0
        self.answers: list[tuple[str, str, dict[str, Any], Told]] = []
        self._armed = armed
        self._starting = asyncio.Lock()
        self._server: Child | None = None
        self._http = httpx.AsyncClient(timeout=PATIENCE, verify=False, trust_env=False)

    async def url(self) -> str:
        """Where it serves now; starts it when it is dead."""
        async with self._starting:
            while self._server is None or self._server.code() is not None or not await self._server.ready():
                if self._server is not None:
                    assert self._server.code() == KILLED, self._server.told.read_text()
                    self.deaths += 1
                armed = self._armed(self.deaths)
                environment = {"SLIPWAY_DRAIN_SECONDS": "0"} | ({"SLIPWAY_FAILPOINT": armed} if armed else {})
                self._server = Child(self.data, environment)
        return self._server.url

    def kill(self) -> None:
        """At this moment, wherever it is."""
        assert self._server is not None
        assert self._server.end() == KILLED

    async def close(self) -> None:
        """Ends the server if it runs."""
        await self._http.aclose()
        if self._server is not None and self._server.code() is None:
            self._server.end()

    async def ask(self, token: str, query: str, **variables: Any) -> dict[str, Any]:
        """The data, however often the server dies meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = await self._http.post(
                    await self.url() + "/graphql",
                    json={"query": query, "variables": variables},
                    headers={"Authorization": f"Bearer {token}"},
                )
            except httpx.TransportError:
                assert time.monotonic() < deadline
                continue
            body = answer.json()
            assert "errors" not in body, body
            data: dict[str, Any] = body["data"]
            return data

    async def do(self, token: str, key: str, mutation: str, selection: str, **fields: Any) -> dict[str, Any]:
        """The node of a command that must be carried out."""
        name, node = mutation[0].upper() + mutation[1:], selection.split()[0]
        query = (
            f"mutation($input: {name}Input!) {{ {mutation}(input: $input) {{ {selection}"
            " events { eventId } errors { code message } } }"
        )
        payload = (await self.ask(token, query, input=fields | {"idempotencyKey": key}))[mutation]
        assert payload["errors"] == [], (mutation, payload["errors"])
        told = (payload[node]["id"], [event["eventId"] for event in payload["events"]])
        self.answers.append((token, query, fields | {"idempotencyKey": key}, told))
        made: dict[str, Any] = payload[node]
        return made

    async def repeat(self) -> None:
        """Every command once more: each is answered as it was the first time."""
        for token, query, input, told in list(self.answers):
            (payload,) = (await self.ask(token, query, input=input)).values()
            (node,) = [value for name, value in payload.items() if isinstance(value, dict)]
            assert (node["id"], [event["eventId"] for event in payload["events"]]) == told, query

    async def until(self, token: str, query: str, wanted: Callable[[dict[str, Any]], bool], **given: Any) -> Any:
        """The first answer that is wanted."""
        deadline = time.monotonic() + PATIENCE
        while not wanted(answer := await self.ask(token, query, **given)):
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.05)
        return answer

    async def push(self, token: str, clone: Path, path: str, *refs: str) -> None:
        """A push that ends well, however often it must be tried."""
        deadline = time.monotonic() + PATIENCE
        while True:
            url = (await self.url()).replace("://", f"://anyone:{token}@") + path
            ran = await git("push", "--quiet", url, *refs, at=clone)
            if ran.code == 0:
                return
            assert time.monotonic() < deadline, ran.err
