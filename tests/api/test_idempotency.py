"""A key's outcome is committed once, whoever sends it again and to which process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text

import resolvers.execution
from services.source_control.turns import BranchTurns
from tests.api.conftest import Client
from tests.api.test_commits import Repo, repo
from tests.machine import needs
from tests.postgres import Postgres

__all__ = ["repo"]
pytestmark = pytest.mark.both_databases


@asynccontextmanager
async def nobodys_turn(*_: Any) -> AsyncIterator[None]:
    """Turns are taken within a process: requests to several processes at once are not kept apart by them."""
    yield


async def test_the_same_command_to_several_processes_is_done_once(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolvers.execution, "turn", nobodys_turn)
    made = await asyncio.gather(
        *(admin.do("createProject", "project { id }", name="booking", idempotencyKey="k") for _ in range(4))
    )
    assert [one["errors"] for one in made] == [[]] * 4
    assert [one["events"] for one in made] == [made[0]["events"]] * 4
    assert len({one["project"]["id"] for one in made}) == 1
    listed = await admin.ask("{ projects { totalCount } }")
    assert listed["projects"]["totalCount"] == 1


async def test_the_same_commit_to_several_processes_is_made_once(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.execution, "turn", nobodys_turn)
    monkeypatch.setattr(BranchTurns, "of", nobodys_turn)
    made = await asyncio.gather(*(repo.commit("f", idempotencyKey="k") for _ in range(4)))
    assert [one["errors"] for one in made] == [[]] * 4
    assert len({one["commit"]["sha"] for one in made}) == 1
    assert [one["events"] for one in made] == [made[0]["events"]] * 4
    assert (repo.git("rev-list", "--count", "work"), await repo.intents()) == ("2", 0)


async def test_a_command_that_failed_is_done_when_it_is_sent_again(admin: Client) -> None:
    await admin.done("createProject", "project { id }", name="booking")
    refused = await admin.do("createProject", "project { id }", name="booking", idempotencyKey="k")
    assert [error["code"] for error in refused["errors"]] == ["CONFLICT"]
    again = await admin.do("createProject", "project { id }", name="other", idempotencyKey="k")
    assert (again["errors"], len(again["events"])) == ([], 1)


async def test_who_sends_it_while_it_is_carried_out_waits_for_its_outcome(admin: Client, outside: Engine) -> None:
    """The first is held up by another's lock, so that the second comes in the middle of it."""
    with outside.connect() as rival:
        rival.execute(text("BEGIN IMMEDIATE" if outside.dialect.name == "sqlite" else "LOCK TABLE log_heads"))
        sent = [
            asyncio.create_task(admin.do("createProject", "project { id }", name="booking", idempotencyKey="k"))
            for _ in range(2)
        ]
        await asyncio.sleep(0.3)
        assert not any(task.done() for task in sent)
        rival.rollback()
    first, second = await asyncio.gather(*sent)
    assert first["errors"] == []
    assert first == second


async def until_one_waits(outside: Engine) -> None:
    """Until a statement waits for a lock."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'slipway'")
    for _ in range(500):
        with outside.connect() as look:
            if look.execute(waiting).scalar_one() == 1:
                return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing waits for a lock")


class TestOnPostgres:
    """What only a server that is elsewhere can do."""

    @needs("postgresql")
    async def test_a_command_whose_connection_is_lost_may_be_sent_again(
        self, admin: Client, outside: Engine, request: pytest.FixtureRequest
    ) -> None:
        if outside.dialect.name != "postgresql":
            return
        server: Postgres = request.getfixturevalue("postgres")
        with outside.connect() as rival:
            rival.execute(text("LOCK TABLE log_heads"))
            sent = asyncio.create_task(admin.do("createProject", "project { id }", name="booking", idempotencyKey="k"))
            await until_one_waits(outside)
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            await asyncio.to_thread(server.admin, end)
            lost = await sent
            rival.rollback()
        told = lost["errors"][0]
        assert (told["code"], len(lost["errors"]), lost["events"]) == ("PROVIDER_UNAVAILABLE", 1, [])
        assert told["message"].startswith("the database did not answer: ")
        assert told["message"].endswith(": try again, a command with its idempotencyKey")
        again = await admin.done("createProject", "project { id }", name="booking", idempotencyKey="k")
        assert [event["eventType"] for event in again["events"]] == ["ProjectCreated"]
