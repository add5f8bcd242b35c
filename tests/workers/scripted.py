"""A worker whose act is written in the test, on ProjectCreated; its effects are projects."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from services.failpoints import Failpoints
from storage import event_log
from storage.tables.operations import EventRow
from storage.tables.platform import ProjectRow
from storage.unit_of_work import UnitOfWork
from tests.api.conftest import Client
from workers.delivery import Delivery
from workers.runtime import Runtime
from workers.worker import Progress

Act = Callable[[Progress], Awaitable[Any]]


class Scripted:
    name: ClassVar[str] = "Scripted"
    wakes_on: ClassVar[tuple[str, ...]] = ("ProjectCreated",)
    attempts: ClassVar[int] = 2
    timeout: ClassVar[float] = 0.5

    def __init__(self, *acts: Act) -> None:
        self._acts = list(acts)

    def wants(self, event: EventRow) -> bool:
        return True

    async def act(self, delivery: Delivery, progress: Progress) -> Any:
        return await (self._acts.pop(0) if len(self._acts) > 1 else self._acts[0])(progress)

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: Any) -> None:
        project(uow, str(result))

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        project(uow, "failed")


def project(uow: UnitOfWork, name: str) -> None:
    uow.rows.put(ProjectRow(tenant_id=uow.tenant_id, name=name, display_name=name))


def makes(name: str) -> Callable[[UnitOfWork], Awaitable[None]]:
    async def decide(uow: UnitOfWork) -> None:
        project(uow, name)

    return decide


async def answer(progress: Progress) -> str:
    return "effect"


async def waking(client: Client) -> str:
    """The delivery of a ProjectCreated event."""
    await client.done("createProject", "project { id }", name="first")
    async with client.slipway.database.reading(None) as session:
        rows = await event_log.tail(session, after=0, limit=100)
    return next(row.event_id.hex for row in reversed(rows) if row.event_type == "ProjectCreated")


async def projects(client: Client) -> list[str]:
    """What was made besides the first."""
    answer = await client.ask("{ projects(first: 100) { nodes { name } } }")
    return sorted(node["name"] for node in answer["projects"]["nodes"] if node["name"] != "first")


def runtime(client: Client, worker: Any) -> Runtime:
    return Runtime(client.slipway.database, [worker], Failpoints())
