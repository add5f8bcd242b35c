"""A pull request is watched: as it is at once, then after every change; foreign is as absent."""

from typing import Any

import pytest

from tests.api.conftest import Client, serving
from tests.api.live import Socket, initialised
from tests.api.test_commits import repo
from tests.api.test_pull_requests import Pull, pull

__all__ = ["pull", "repo"]
WATCH = "subscription($id: ID!) { pullRequest(id: $id) { status checksStatus reviews { nodes { verdict } } } }"


async def until(socket: Socket, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Every state up to the wanted one."""
    states = await socket.next(1)
    while states[-1] != wanted:
        states += await socket.next(1)
    return states


async def test_a_pull_request_is_told_at_once_and_after_every_change(pull: Pull) -> None:
    client = pull.repo.client
    async with serving(client.slipway) as url, initialised(url, client.token) as socket:
        await socket.say(id="1", type="subscribe", payload={"query": WATCH, "variables": {"id": pull.id}})
        opened = {"status": "OPEN", "checksStatus": "PENDING", "reviews": {"nodes": []}}
        assert await socket.next(1) == [opened]
        sha = (await pull.settle())["sourceSha"]
        await pull.review("APPROVE", sha)
        await pull.settle()
        approved = {"status": "OPEN", "checksStatus": "PASSED", "reviews": {"nodes": [{"verdict": "APPROVE"}]}}
        await until(socket, approved)
        assert (await pull.merge(sha))["errors"] == []
        await until(socket, approved | {"status": "MERGED"})


async def test_every_watcher_of_a_change_is_told_of_one_execution(pull: Pull) -> None:
    client = pull.repo.client
    async with serving(client.slipway) as url, initialised(url, client.token) as socket:
        for id in ("1", "2", "3"):
            await socket.say(id=id, type="subscribe", payload={"query": WATCH, "variables": {"id": pull.id}})
            await socket.next(1, id=id)
        before = client.slipway.feeds.executed
        await client.done("closePullRequest", "pullRequest { id }", pullRequestId=pull.id)
        told = [await socket.hear() for _ in range(3)]
    assert sorted(message["id"] for message in told) == ["1", "2", "3"]
    assert {message["payload"]["data"]["pullRequest"]["status"] for message in told} == {"CLOSED"}
    assert client.slipway.feeds.executed == before + 1


@pytest.mark.parametrize("who", ["another tenant", "a token of another project"])
async def test_a_pull_request_out_of_sight_is_as_an_absent_one(operator: Client, pull: Pull, who: str) -> None:
    if who == "another tenant":
        stranger = await operator.tenant("other")
    else:
        elsewhere = await pull.repo.client.done("createProject", "project { id }", name="elsewhere")
        stranger = await pull.repo.client.limited(elsewhere["project"]["id"], ["READ"])
    errors = []
    async with serving(operator.slipway) as url, initialised(url, stranger.token) as socket:
        for id in (pull.id, "pr-" + "0" * 32):
            await socket.say(id="1", type="subscribe", payload={"query": WATCH, "variables": {"id": id}})
            error = await socket.error()
            errors.append(error | {"message": error["message"].replace(id, "ID")})
    assert errors[0] == errors[1]
    assert errors[0]["extensions"] == {"code": "NOT_FOUND", "field": "id"}


async def test_an_id_of_another_type_is_refused(pull: Pull) -> None:
    client = pull.repo.client
    async with serving(client.slipway) as url, initialised(url, client.token) as socket:
        await socket.say(id="1", type="subscribe", payload={"query": WATCH, "variables": {"id": pull.repo.id}})
        assert (await socket.error())["extensions"] == {"code": "INVALID_INPUT", "field": "id"}
