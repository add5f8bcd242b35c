"""Dead letters: an operator replays one, it runs once more, and it is within the walls."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.failpoints import Failpoints
from storage.unit_of_work import UnitOfWork
from tests.api.conftest import Client, admin, operator
from tests.workers.scripted import Scripted, answer, projects, runtime, waking
from workers.delivery import Delivery
from workers.dispatcher import Dispatcher
from workers.errors import Stop
from workers.worker import Progress

__all__ = ["admin", "operator"]
LETTERS = "{ deadLetters { totalCount nodes { id worker delivery subjectId attempts reason status replays } } }"


class Begun:
    """What the dispatcher has started, in place of the engine."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[str, str, int]] = []

    async def begin(self, worker: str, delivery: str, replay: int) -> None:
        self.deliveries.append((worker, delivery, replay))


async def refuse(progress: Progress) -> None:
    raise Stop("the disk is full")


async def letters(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.ask(LETTERS))["deadLetters"]["nodes"]
    return found


@pytest.fixture
async def buried(admin: Client) -> tuple[str, Callable[..., Awaitable[Any]]]:
    """The delivery of a dead letter, and what carries it: the first act refuses, the next answers."""
    key = await waking(admin)
    carried = runtime(admin, Scripted(refuse, answer))
    assert await carried.run("Scripted", key, 1) is None
    return key, carried.run


async def test_a_dead_letter_says_what_it_was_about_and_why(admin: Client, buried: tuple[str, Any]) -> None:
    (letter,) = await letters(admin)
    assert letter.pop("id").startswith("dead-")
    assert letter.pop("subjectId").startswith("proj-")
    assert letter == {
        "worker": "Scripted",
        "delivery": buried[0],
        "attempts": 1,
        "reason": "the disk is full",
        "status": "OPEN",
        "replays": 0,
    }


async def test_a_replayed_dead_letter_is_started_by_its_event_and_takes_effect_once(
    admin: Client, buried: tuple[str, Any]
) -> None:
    key, run = buried
    begun = Begun()
    dispatcher = Dispatcher(admin.slipway.database, [Scripted(answer)], begun.begin, Failpoints())
    await dispatcher.step()
    assert begun.deliveries == [("Scripted", key, 0)]
    (letter,) = await letters(admin)
    made = await admin.done("replayDelivery", "deadLetter { status replays }", deadLetterId=letter["id"])
    assert made["deadLetter"] == {"status": "REPLAYED", "replays": 1}
    assert [event["eventType"] for event in made["events"]] == ["DeliveryReplayed"]
    await dispatcher.step()
    assert begun.deliveries == [("Scripted", key, 0), ("Scripted", key, 1)]
    assert [await run("Scripted", key, 1) for _ in range(2)] == [None, None]
    assert await projects(admin) == ["effect", "failed"]


async def test_a_replay_that_fails_is_open_again_with_its_new_reason(admin: Client) -> None:
    async def refuse_again(progress: Progress) -> None:
        raise Stop("the disk is still full")

    class Quiet(Scripted):
        async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
            return None

    key, carried = await waking(admin), runtime(admin, Quiet(refuse, refuse_again))
    await carried.run("Scripted", key, 1)
    (letter,) = await letters(admin)
    await admin.done("replayDelivery", "deadLetter { id }", deadLetterId=letter["id"])
    assert await carried.run("Scripted", key, 1) is None
    (again,) = await letters(admin)
    assert (again["id"], again["status"], again["reason"], again["replays"]) == (
        letter["id"], "OPEN", "the disk is still full", 1,
    )  # fmt: skip


async def test_only_an_open_dead_letter_is_replayed(admin: Client, buried: tuple[str, Any]) -> None:
    (letter,) = await letters(admin)
    await admin.done("replayDelivery", "deadLetter { id }", deadLetterId=letter["id"])
    refused = await admin.do("replayDelivery", "deadLetter { id }", deadLetterId=letter["id"])
    assert [error["code"] for error in refused["errors"]] == ["PRECONDITION_FAILED"]


async def test_a_token_without_admin_replays_nothing(admin: Client, buried: tuple[str, Any]) -> None:
    (letter,) = await letters(admin)
    project = (await admin.ask('{ project(name: "first") { id } }'))["project"]["id"]
    limited = await admin.limited(project, ["REPOSITORIES_WRITE"])
    refused = await limited.do("replayDelivery", "deadLetter { id }", deadLetterId=letter["id"])
    assert [error["code"] for error in refused["errors"]] == ["FORBIDDEN"]


async def test_dead_letters_stay_within_their_tenant_and_project(
    operator: Client, admin: Client, buried: tuple[str, Any]
) -> None:
    (letter,) = await letters(admin)
    other = await admin.done("createProject", "project { id }", name="other")
    limited = await admin.limited(other["project"]["id"], ["ADMIN"])
    node = "query($id: ID!) { node(id: $id) { id } }"
    for client in (await operator.tenant("stranger"), limited):
        assert (await client.ask(LETTERS))["deadLetters"] == {"totalCount": 0, "nodes": []}
        assert (await client.ask(node, id=letter["id"]))["node"] is None
        refused = await client.do("replayDelivery", "deadLetter { id }", deadLetterId=letter["id"])
        assert [error["code"] for error in refused["errors"]] == ["NOT_FOUND"]
    assert (await admin.ask(node, id=letter["id"]))["node"] == {"id": letter["id"]}
