"""The durable engine behind a small port: DBOS, the only file that knows it."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dbos import DBOS, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID
from sqlalchemy import URL, Engine, column, create_engine, event, table, update

from workers.delivery import is_tick

Run = Callable[[str, str, int], Awaitable[tuple[int, float] | None]]
EXECUTOR = "local"
LATER = "later"
STARTS = 4
GRACE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Dead:
    """A delivery that the engine gave up, without the runtime's doing: it killed its process, or its carrier failed."""

    workflow_id: str
    worker: str
    delivery: str
    attempts: int
    reason: str


class DurableEngine:
    """Starts deliveries by id: one that was started before is dropped; after a crash what ran is run again.

    One instance a process at a time: DBOS keeps its registry globally.
    """

    def __init__(self, url: URL, run: Run) -> None:
        self._url = url
        self._run = run
        self._deliver: Any = None
        self._engine: Engine | None = None
        self._running: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Launches within the running loop, and takes up what a crash left."""
        self._engine = _engine(self._url)
        DBOS(
            config={
                "name": "slipway",
                "system_database_engine": self._engine,
                "application_version": "slipway",
                "executor_id": EXECUTOR,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "CRITICAL",
            }
        )

        async def deliver(worker: str, delivery: str, attempt: int, series: str, turn: int) -> None:
            await self._carry(worker, delivery, attempt, series, turn)

        self._deliver = DBOS.workflow(name="deliver", max_recovery_attempts=STARTS - 1)(deliver)
        DBOS.launch()
        await DBOS.register_queue_async(LATER, polling_interval_sec=1.0, on_conflict="always_update")

    async def _carry(self, worker: str, delivery: str, attempt: int, series: str, turn: int) -> None:
        """One turn; the next one is enqueued with its delay, so that what waits holds nothing and no restart counts."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        following = await self._run(worker, delivery, attempt)
        if following is not None:
            with SetWorkflowID(f"{series}:{turn + 1}"), SetEnqueueOptions(delay_seconds=following[1]):
                await DBOS.enqueue_workflow_async(
                    LATER, self._deliver, worker, delivery, following[0], series, turn + 1
                )

    async def begin(self, worker: str, delivery: str, replay: int = 0) -> None:
        """Starts the first attempt; the same delivery again does nothing, unless it is a replay."""
        series = delivery if is_tick(delivery) else f"{delivery}:{worker}"
        if replay:
            series = f"{series}:replay{replay}"
        with SetWorkflowID(f"{series}:1"):
            await DBOS.start_workflow_async(self._deliver, worker, delivery, 1, series, 1)

    async def dead_letters(self, limit: int = 100) -> list[Dead]:
        """What the engine gave up and nobody has buried yet."""
        found = await DBOS.list_workflows_async(
            status=["ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"], name="deliver", limit=limit
        )
        dead = []
        for status in found:
            given: Any = status.input
            worker, delivery = given["args"][:2]
            killed = status.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
            reason = f"its process died {STARTS} times" if killed else f"the carrier failed: {status.error}"
            attempts = STARTS if killed else 1
            dead.append(
                Dead(workflow_id=status.workflow_id, worker=worker, delivery=delivery, attempts=attempts, reason=reason)
            )
        return dead

    async def forget(self, workflow_ids: list[str]) -> None:
        """Removes rows that the engine needs no more."""
        await DBOS.delete_workflows_async(workflow_ids)

    async def purge(self, before: datetime, limit: int) -> int:
        """Removes at most ``limit`` deliveries that ended well before the moment; ``processed`` outlives them."""
        found = await DBOS.list_workflows_async(
            status=["SUCCESS", "CANCELLED"],
            completed_before=before.isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        await self.forget([status.workflow_id for status in found])
        return len(found)

    async def stop(self) -> None:
        """Lets what runs end for some seconds, and leaves the rest to the next start without counting this one."""
        if self._engine is None:
            return
        if self._running:
            _, left = await asyncio.wait(self._running, timeout=GRACE_SECONDS)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=GRACE_SECONDS)
        await asyncio.to_thread(_hand_back, self._engine)
        DBOS.destroy(destroy_registry=True)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())  # DBOS's own was the loop's, and is gone
        event.listen(self._engine, "checkin", _close)
        self._engine.dispose()
        self._engine = None


def _close(_: Any, record: Any) -> None:
    """A thread that outlives the engine brings its connection back to a pool that nobody closes any more."""
    record.invalidate()


def _hand_back(engine: Engine) -> None:
    names: list[Any] = [column(name) for name in ("status", "executor_id", "recovery_attempts")]
    status = table("workflow_status", *names, schema=None if engine.name == "sqlite" else "dbos")
    c = status.c
    mine = (c.status == "PENDING", c.executor_id == EXECUTOR, c.recovery_attempts > 0)
    with engine.begin() as connection:
        connection.execute(update(status).where(*mine).values(recovery_attempts=c.recovery_attempts - 1))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url.set(drivername="postgresql+psycopg"), pool_size=5)
    engine = create_engine(url.set(drivername="sqlite"), pool_size=1, max_overflow=0, pool_timeout=30)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
