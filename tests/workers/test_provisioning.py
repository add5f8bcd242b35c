"""RepositoryProvisioningWorker through the durable engine, delivered twice, failing for good, and killed midway."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from main import Slipway
from providers.git.embedded import EmbeddedGit
from providers.git.values import RepositoryKey
from storage import event_log
from storage.access import Access, Cause
from storage.event_log import EventFilter
from storage.tables.operations import EventRow
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork
from tests.api.conftest import Client, admin, operator
from workers.delivery import Delivery, of_event
from workers.errors import Stop
from workers.repository_provisioning import RepositoryProvisioningWorker
from workers.runtime import Runtime
from workers.worker import Progress

pytestmark = pytest.mark.both_databases

__all__ = ["admin", "operator"]
STATUS = """{ repository(project: "booking", name: "m") {
    id status failure branches { nodes { name headSha isProtected } } } }"""


async def eventually(ask: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 20
    while not wanted(answer := await ask()):
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.05)
    return answer


async def module(client: Client) -> str:
    project = (await client.done("createProject", "project { id }", name="booking"))["project"]["id"]
    fields = {"name": "m", "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    made = await client.done("registerModule", "module { id }", projectId=project, **fields)
    return str(made["module"]["id"])


async def events(client: Client) -> list[EventRow]:
    viewer = (await client.ask("{ viewer { tenant { id } } }"))["viewer"]
    access = Access(tenant_id=UUID(hex=viewer["tenant"]["id"].split("-")[1]))
    async with client.slipway.database.reading(access) as session:
        await event_log.verify_chain(session, access)
        return await event_log.read(session, access, after=0, wanted=EventFilter(), limit=200)


@pytest.fixture
async def working(admin: Client) -> AsyncIterator[Client]:
    await admin.slipway.work()
    yield admin
    await admin.slipway.stop()


async def test_a_repository_is_made_with_its_first_commit_on_a_protected_branch(working: Client) -> None:
    made = await working.done("provisionRepository", "repository { id status }", moduleId=await module(working))
    assert made["repository"]["status"] == "PROVISIONING"
    answer = await eventually(lambda: working.ask(STATUS), lambda a: a["repository"]["status"] == "PROVISIONED")
    (branch,) = answer["repository"]["branches"]["nodes"]
    assert (branch["name"], branch["isProtected"]) == ("main", True)
    told = await events(working)
    assert [event.event_type for event in told][-5:] == [
        "RepositoryProvisioningRequested", "RepositoryProvisioned", "BranchCreated", "CommitCreated",
        "PipelineGenerated",
    ]  # fmt: skip
    assert {event.trace_id for event in told[-5:]} == {made["events"][0]["traceId"]}
    assert told[-1].causation_id == made["events"][0]["eventId"]


async def test_an_event_delivered_twice_takes_effect_once(admin: Client) -> None:
    await admin.done("provisionRepository", "repository { id }", moduleId=await module(admin))
    requested = (await events(admin))[-1].event_id.hex
    runs = [admin.slipway.workers.runtime.run("RepositoryProvisioningWorker", requested, 1) for _ in range(2)]
    assert await asyncio.gather(*runs) == [None, None]
    assert await admin.slipway.workers.runtime.run("RepositoryProvisioningWorker", requested, 2) is None
    assert [event.event_type for event in await events(admin)].count("RepositoryProvisioned") == 1


class Refusing(RepositoryProvisioningWorker):
    """A worker whose provider refuses for good."""

    async def act(self, delivery: Delivery, progress: Progress) -> Any:
        raise Stop("the disk is read-only")


class Failing(RepositoryProvisioningWorker):
    """A worker whose provider fails each time."""

    async def act(self, delivery: Delivery, progress: Progress) -> Any:
        raise OSError("no space left")


def worker_of(slipway: Slipway, kind: type[RepositoryProvisioningWorker]) -> RepositoryProvisioningWorker:
    services = slipway.services
    git = EmbeddedGit(slipway.settings.data / "git")
    return kind(slipway.database, git, services.repositories, services.environments, services.pipelines)


async def one_run(client: Client, kind: type[RepositoryProvisioningWorker], attempt: int) -> tuple[int, float] | None:
    slipway = client.slipway
    worker = worker_of(slipway, kind)
    requested = next(e for e in await events(client) if e.event_type == "RepositoryProvisioningRequested")
    return await Runtime(slipway.database, [worker], slipway.failpoints).run(
        worker.name, requested.event_id.hex, attempt
    )


async def test_what_never_will_pass_is_a_dead_letter_and_the_row_says_so(admin: Client) -> None:
    await admin.done("provisionRepository", "repository { id }", moduleId=await module(admin))
    assert await one_run(admin, Refusing, 1) is None
    answer = (await admin.ask(STATUS))["repository"]
    assert (answer["status"], answer["failure"]) == ("FAILED", "the disk is read-only")
    assert [event.event_type for event in await events(admin)][-2:] == [
        "WorkerDeadLettered", "RepositoryProvisioningFailed",
    ]  # fmt: skip


async def test_an_environment_whose_repository_cannot_be_made_is_failed(admin: Client) -> None:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    await admin.done("declareEnvironment", "environment { id }", projectId=project, name="dev")
    assert await one_run(admin, Refusing, 1) is None
    query = '{ environment(project: "booking", name: "dev") { status repository { status } } }'
    assert (await admin.ask(query))["environment"] == {"status": "FAILED", "repository": {"status": "FAILED"}}


async def replay(client: Client) -> None:
    (letter,) = (await client.ask("{ deadLetters { nodes { id } } }"))["deadLetters"]["nodes"]
    await client.done("replayDelivery", "deadLetter { id }", deadLetterId=letter["id"])


async def test_a_replayed_dead_letter_makes_the_repository_that_had_failed(admin: Client) -> None:
    await admin.done("provisionRepository", "repository { id }", moduleId=await module(admin))
    assert await one_run(admin, Refusing, 1) is None
    await replay(admin)
    answer = (await admin.ask(STATUS))["repository"]
    assert (answer["status"], answer["failure"]) == ("PROVISIONING", None)
    await admin.slipway.work()
    answer = await eventually(lambda: admin.ask(STATUS), lambda a: a["repository"]["status"] == "PROVISIONED")
    await admin.slipway.stop()
    assert [branch["name"] for branch in answer["repository"]["branches"]["nodes"]] == ["main"]
    assert [event.event_type for event in await events(admin)].count("RepositoryProvisioned") == 1


async def test_a_replay_that_fails_says_its_new_reason(admin: Client) -> None:
    await admin.done("provisionRepository", "repository { id }", moduleId=await module(admin))
    assert await one_run(admin, Refusing, 1) is None
    await replay(admin)
    assert await one_run(admin, Failing, 5) is None
    answer = (await admin.ask(STATUS))["repository"]
    assert (answer["status"], answer["failure"]) == ("FAILED", "OSError: no space left")


async def test_an_environment_follows_the_replay_of_its_repository(admin: Client) -> None:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    await admin.done("declareEnvironment", "environment { id }", projectId=project, name="dev")
    assert await one_run(admin, Refusing, 1) is None
    await replay(admin)
    query = '{ environment(project: "booking", name: "dev") { status repository { status } } }'
    waiting = {"status": "DECLARED", "repository": {"status": "PROVISIONING"}}
    assert (await admin.ask(query))["environment"] == waiting
    requested = next(e for e in await events(admin) if e.event_type == "RepositoryProvisioningRequested")
    run = admin.slipway.workers.runtime.run
    assert await run("RepositoryProvisioningWorker", requested.event_id.hex, 1) is None
    assert (await admin.ask(query))["environment"] == {"status": "READY", "repository": {"status": "PROVISIONED"}}


async def test_a_failure_is_tried_again_with_backoff_until_the_last_attempt(admin: Client) -> None:
    await admin.done("provisionRepository", "repository { id }", moduleId=await module(admin))
    waits = [await one_run(admin, Failing, attempt) for attempt in range(1, 6)]
    assert [wait and wait[0] for wait in waits] == [2, 3, 4, 5, None]
    assert [0.3 < wait[1] < 6 for wait in waits if wait] == [True] * 4
    assert (await admin.ask(STATUS))["repository"]["failure"] == "OSError: no space left"


async def test_what_a_killed_try_left_in_git_is_adopted(admin: Client) -> None:
    await admin.done("provisionRepository", "repository { id }", moduleId=await module(admin))
    slipway = admin.slipway
    worker = worker_of(slipway, RepositoryProvisioningWorker)
    requested = (await events(admin))[-1]
    before = await worker.act(of_event(requested), no_progress)
    assert await slipway.workers.runtime.run(worker.name, requested.event_id.hex, 1) is None
    access = Access(tenant_id=requested.tenant_id)
    async with slipway.database.reading(access) as session:
        row = await UnitOfWork(session, access, slipway_cause()).rows.get(RepositoryRow, requested.subject_id)
    assert row is not None
    key = RepositoryKey(tenant_id=row.tenant_id, repository_id=row.id)
    assert await EmbeddedGit(slipway.settings.data / "git").refs(key) == {"main": before.first.sha}


async def no_progress(key: str, decide: Any) -> bool:
    raise AssertionError("provisioning makes no progress")


def slipway_cause() -> Any:
    return Cause(actor_id=None, on_behalf_of=None, trace_id="a" * 32, correlation_id="t", causation_id="t")
