"""A running installation on a real database, and clients with tokens."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import URL

from main import Settings, Slipway


class Client:
    """Asks the installation with one token."""

    def __init__(self, slipway: Slipway, token: str) -> None:
        self.slipway = slipway
        self.token = token
        transport = httpx.ASGITransport(app=slipway.app())
        self.http = httpx.AsyncClient(transport=transport, base_url="http://slipway.test")

    async def raw(self, query: str, variables: dict[str, Any] | None = None) -> httpx.Response:
        return await self.http.post(
            "/graphql",
            json={"query": query, "variables": variables or {}},
            headers={"Authorization": f"Bearer {self.token}"},
        )

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = (await self.raw(query, variables)).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def do(self, mutation: str, selection: str, **fields: Any) -> dict[str, Any]:
        name = mutation[0].upper() + mutation[1:]
        query = (
            f"mutation($input: {name}Input!) {{ {mutation}(input: $input) {{ {selection}"
            " events { eventType eventId sequence traceId } errors { code message field help } } }"
        )
        payload: dict[str, Any] = (await self.ask(query, input=fields))[mutation]
        return payload

    async def done(self, mutation: str, selection: str, **fields: Any) -> dict[str, Any]:
        payload = await self.do(mutation, selection, **fields)
        assert payload["errors"] == []
        return payload

    async def tenant(self, name: str) -> "Client":
        made = await self.done("createTenant", "tenant { id } token", name=name, adminEmail="admin@example.test")
        return Client(self.slipway, made["token"])

    async def limited(self, project_id: str, scopes: list[str]) -> "Client":
        who = await self.done("createIdentity", "identity { id }", name="limited", kind="HUMAN", email="l@example.test")
        made = await self.done(
            "issueToken",
            "secret",
            identityId=who["identity"]["id"],
            name="limited",
            scopes=scopes,
            projectIds=[project_id],
        )
        return Client(self.slipway, made["secret"])


@asynccontextmanager
async def founded(folder: Path, database_url: URL) -> AsyncIterator[Client]:
    """The operator's admin of a new installation."""
    url = database_url.render_as_string(hide_password=False)
    slipway = Slipway(Settings(data=folder / "data", database_url=url))
    token = await slipway.start()
    assert token is not None
    try:
        yield Client(slipway, token)
    finally:
        await slipway.database.close()


@pytest.fixture
async def operator(tmp_path: Path, database_url: URL) -> AsyncIterator[Client]:
    async with founded(tmp_path, database_url) as client:
        yield client


@pytest.fixture
async def admin(operator: Client) -> Client:
    return await operator.tenant("acme")


@asynccontextmanager
async def serving(slipway: Slipway) -> AsyncIterator[str]:
    """The address of the installation behind a real server, without its workers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(slipway.app(), log_config=None, lifespan="off", ws="websockets-sansio"))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()
