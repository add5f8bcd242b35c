"""A verified token is remembered until it expires, is revoked here, or is revoked by another process."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from main import Slipway
from services.platform.issuer import InvalidToken
from services.platform.verified_tokens import VerifiedTokens
from storage.queries.rows import Rows
from tests.api.conftest import Client


class Counted:
    """Counts how many rows were looked up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        get = Rows.get

        async def counted(rows: Rows, *args: Any) -> Any:
            self.rows += 1
            return await get(rows, *args)

        monkeypatch.setattr(Rows, "get", counted)


@pytest.fixture
async def elsewhere(operator: Client) -> AsyncIterator[Slipway]:
    """Another process of the same installation."""
    other = Slipway(operator.slipway.settings)
    await other.start()
    yield other
    await other.database.close()


async def issued(client: Client, name: str = "bo") -> tuple[str, str]:
    who = await client.done("createIdentity", "identity { id }", name=name, kind="HUMAN", email="bo@example.test")
    fields = {"identityId": who["identity"]["id"], "name": "t", "scopes": ["READ"]}
    made = await client.done("issueToken", "secret token { id }", **fields)
    return made["secret"], made["token"]["id"]


async def test_a_token_is_looked_up_once(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    token, _ = await issued(admin)
    first = await admin.slipway.tokens.actor(token)
    counted = Counted(monkeypatch)
    assert await admin.slipway.tokens.actor(token) is first
    assert counted.rows == 0


async def test_a_revocation_of_this_process_holds_at_once(admin: Client) -> None:
    token, token_id = await issued(admin)
    await admin.slipway.tokens.actor(token)
    await admin.done("revokeToken", "token { id }", tokenId=token_id)
    with pytest.raises(InvalidToken, match="revoked"):
        await admin.slipway.tokens.actor(token)


async def test_a_revocation_of_another_process_holds_within_a_second(
    admin: Client, elsewhere: Slipway, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, token_id = await issued(admin)
    await elsewhere.tokens.actor(token)
    await admin.done("revokeToken", "token { id }", tokenId=token_id)
    later = time.monotonic() + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with pytest.raises(InvalidToken, match="revoked"):
        await elsewhere.tokens.actor(token)


async def test_a_revocation_while_the_rows_are_read_is_not_forgotten(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, token_id = await issued(admin)
    identities = admin.slipway.services.identities
    read = identities.actor

    async def overtaken(*args: Any) -> Any:
        actor = await read(*args)
        monkeypatch.undo()
        await admin.done("revokeToken", "token { id }", tokenId=token_id)
        return actor

    monkeypatch.setattr(identities, "actor", overtaken)
    await admin.slipway.tokens.actor(token)
    with pytest.raises(InvalidToken, match="revoked"):
        await admin.slipway.tokens.actor(token)


async def test_a_remembered_token_expires(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    token, _ = await issued(admin)
    actor = await admin.slipway.tokens.actor(token)
    monkeypatch.setattr(time, "time", lambda: actor.expires_at)
    with pytest.raises(InvalidToken, match="expired"):
        await admin.slipway.tokens.actor(token)


async def test_the_least_recently_used_is_forgotten_first(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = VerifiedTokens(admin.slipway.database, admin.slipway.services.identities, entries=2)
    first, second = [(await issued(admin, name))[0] for name in ("bo", "al")]
    for token in (first, second, first, admin.token):
        await tokens.actor(token)
    counted = Counted(monkeypatch)
    await tokens.actor(first)
    await tokens.actor(admin.token)
    assert counted.rows == 0
    await tokens.actor(second)
    assert counted.rows == 2
