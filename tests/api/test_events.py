"""Live events from a real server: from any cursor, without a gap, within the walls."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from resolvers.conversation import Conversation
from resolvers.conversation import Socket as ServerSocket
from resolvers.feeds import Feeds
from storage.hub import Hub
from tests.api.conftest import Client, serving
from tests.api.live import EVENTS, initialised

both = pytest.mark.both_databases


@both
async def test_a_subscription_replays_and_goes_live_without_a_gap(admin: Client) -> None:
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe()
        made = [asyncio.create_task(admin.done("createProject", "project { id }", name=f"p{n}")) for n in range(8)]
        seen = await socket.next(11)
        await asyncio.gather(*made)
    assert [event["sequence"] for event in seen] == list(range(1, 12))


@both
async def test_a_subscription_resumes_after_its_cursor(admin: Client) -> None:
    async with serving(admin.slipway) as url:
        async with initialised(url, admin.token) as socket:
            await socket.subscribe()
            cursor = (await socket.next(2))[-1]["cursor"]
        async with initialised(url, admin.token) as socket:
            await socket.subscribe(after=cursor)
            assert [event["sequence"] for event in await socket.next(1)] == [3]


async def test_a_subscription_without_a_cursor_starts_now(admin: Client) -> None:
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe("subscription { events { sequence } }")
        await socket.subscribe("{ viewer { scopes } }", id="2")
        await socket.next(1, id="2")
        assert (await socket.hear())["type"] == "complete"
        await admin.done("createProject", "project { id }", name="booking")
        assert await socket.next(1) == [{"sequence": 4}]


@both
async def test_a_filter_passes_only_its_types(admin: Client) -> None:
    await admin.done("createProject", "project { id }", name="booking")
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe(filter={"types": ["ProjectCreated"]})
        assert [event["eventType"] for event in await socket.next(1)] == ["ProjectCreated"]


@both
async def test_another_tenant_hears_nothing_of_it(operator: Client, admin: Client) -> None:
    other = await operator.tenant("other")
    async with serving(admin.slipway) as url, initialised(url, other.token) as socket:
        await socket.subscribe(filter={"types": ["ProjectCreated"]})
        await admin.done("createProject", "project { id }", name="secret")
        await other.done("createProject", "project { id }", name="own")
        assert [event["sequence"] for event in await socket.next(1)] == [4]


@both
async def test_a_limited_token_hears_of_its_project_only(admin: Client) -> None:
    mine = (await admin.done("createProject", "project { id }", name="mine"))["project"]["id"]
    other = (await admin.done("createProject", "project { id }", name="other"))["project"]["id"]
    limited = await admin.limited(mine, ["READ"])
    query = "subscription { events(from: BEGINNING) { projectId } }"
    async with serving(admin.slipway) as url, initialised(url, limited.token) as socket:
        await socket.subscribe(query)
        assert await socket.next(1) == [{"projectId": mine}]
        for project in (other, mine):
            fields = {"projectId": project, "producer": "p", "name": "a"}
            await admin.done("registerArtifact", "artifact { id }", **fields)
        assert await socket.next(1) == [{"projectId": mine}]


async def test_a_filter_on_a_foreign_project_is_as_one_on_an_absent_project(operator: Client, admin: Client) -> None:
    foreign = (await admin.done("createProject", "project { id }", name="secret"))["project"]["id"]
    other = await operator.tenant("other")
    async with serving(admin.slipway) as url, initialised(url, other.token) as socket:
        for id, project in (("1", foreign), ("2", "proj-" + "0" * 32)):
            await socket.subscribe(id=id, filter={"projectId": project})
        await socket.subscribe(id="3")
        assert [event["sequence"] for event in await socket.next(3, id="3")] == [1, 2, 3]


@pytest.mark.parametrize(
    "cursor", ["", "e", "3", "e-1", "e0x1", "e1_0", "e 1", "e01", "E1", "effffffffffffffffff", "e4"]
)
async def test_a_cursor_that_is_not_of_this_stream_is_refused(admin: Client, cursor: str) -> None:
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe(after=cursor)
        assert (await socket.error())["extensions"] == {"code": "INVALID_CURSOR", "field": "after"}


async def test_an_event_is_executed_once_for_all_that_ask_the_same(admin: Client) -> None:
    before = admin.slipway.feeds.executed
    async with (
        serving(admin.slipway) as url,
        initialised(url, admin.token) as one,
        initialised(url, admin.token) as two,
    ):
        for socket, after in ((one, None), (one, "e1"), (two, "e2")):
            await socket.subscribe(id=str(after), after=after)
        assert [event["sequence"] for event in await two.next(1, id="e2")] == [3]
        heard = [await one.hear() for _ in range(5)]
        await admin.done("createProject", "project { id }", name="booking")
        heard += [await one.hear() for _ in range(2)]
        assert [event["eventType"] for event in await two.next(1, id="e2")] == ["ProjectCreated"]
    sequences = {
        id: [m["payload"]["data"]["events"]["sequence"] for m in heard if m["id"] == id] for id in ("None", "e1")
    }
    assert sequences == {"None": [1, 2, 3, 4], "e1": [2, 3, 4]}
    assert admin.slipway.feeds.executed - before == 4


async def test_what_is_asked_of_an_event_and_by_whom_is_never_mixed(admin: Client) -> None:
    mine = (await admin.done("createProject", "project { id }", name="mine"))["project"]["id"]
    limited = await admin.limited(mine, ["READ"])
    query = """subscription($all: Boolean!) { events(from: BEGINNING, filter: {types: ["ProjectCreated"]}) {
        sequence eventType @include(if: $all) } }"""
    async with serving(admin.slipway) as url, initialised(url, admin.token) as socket:
        await socket.subscribe(query, all=True)
        assert await socket.next(1) == [{"sequence": 4, "eventType": "ProjectCreated"}]
        await socket.subscribe(query, id="2", all=False)
        assert await socket.next(1, id="2") == [{"sequence": 4}]
        before = admin.slipway.feeds.executed
        async with initialised(url, limited.token) as other:
            await other.subscribe(query, all=True)
            assert await other.next(1) == [{"sequence": 4, "eventType": "ProjectCreated"}]
        assert admin.slipway.feeds.executed == before + 1


HERE = HTTPConnection({"type": "http", "scheme": "http", "server": ("slipway.test", 80), "path": "/", "headers": []})


class Stalled:
    """The client's end of a socket that takes nothing while ``reads`` is clear."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.said: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(self) -> Any:
        return {"type": "websocket.receive", "text": json.dumps(await self.said.get())}

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        said = json.loads(message["text"])
        if said["type"] != "ping":
            self.sent.put_nowait(said)

    async def heard(self) -> Any:
        async with asyncio.timeout(10):
            return await self.sent.get()


async def test_a_socket_that_is_read_too_slowly_is_told_where_to_resume(admin: Client) -> None:
    slipway = admin.slipway
    slipway.hub = Hub(slipway.database, ring=4)
    actor = await slipway.authenticate(admin.token)
    client = Stalled()
    feeds = Feeds(slipway.feeds.operations)
    socket = ServerSocket(client.receive, client.send, 10_000)
    conversation = Conversation(socket, feeds, lambda: slipway.context(HERE))
    task = asyncio.create_task(conversation.go_on(actor, 60))
    client.said.put_nowait({"id": "1", "type": "subscribe", "payload": {"query": EVENTS, "variables": {}}})
    assert await client.heard() == {"type": "connection_ack"}
    for sequence in (1, 2, 3):
        assert (await client.heard())["payload"]["data"]["events"]["sequence"] == sequence
    client.reads.clear()
    async with slipway.hub.listening() as tail:
        for number in range(8):
            taken = tail.wake_of(actor.tenant_id)
            await admin.done("createProject", "project { id }", name=f"p{number}")
            await asyncio.wait_for(taken.wait(), 10)
        client.reads.set()
        assert (await client.heard())["payload"]["data"]["events"]["sequence"] == 4
        error = await client.heard()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (error["type"], error["payload"][0]["extensions"]) == ("error", {"code": "LAGGED", "cursor": "e4"})


async def test_four_hundred_subscriptions_miss_nothing_of_concurrent_writers(admin: Client) -> None:
    total = 23
    before = admin.slipway.feeds.executed

    async def follow(url: str) -> dict[str, list[int]]:
        seen: dict[str, list[int]] = {str(number): [] for number in range(100)}
        async with initialised(url, admin.token) as socket:
            for id in seen:
                await socket.subscribe(id=id, after=f"e{int(id) % 4}")
            while any(sequences[-1:] != [total] for sequences in seen.values()):
                heard = await socket.hear()
                seen[heard["id"]].append(heard["payload"]["data"]["events"]["sequence"])
        return seen

    async def write(names: str) -> None:
        for name in names:
            await admin.done("createProject", "project { id }", name=f"p-{name}")

    async with serving(admin.slipway) as url:
        sockets = [asyncio.create_task(follow(url)) for _ in range(4)]
        await asyncio.gather(write("abcdefghij"), write("klmnopqrst"))
        for seen in await asyncio.gather(*sockets):
            for id, sequences in seen.items():
                assert sequences == list(range(int(id) % 4 + 1, total + 1))
    assert admin.slipway.feeds.executed - before == total
