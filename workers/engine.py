"""The durable engine behind a small port: DBOS, the only file that knows it."""

from collections.abc import Awaitable, Callable
from typing import Any

from dbos import DBOS, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import URL, Engine, create_engine, event

Run = Callable[[str, str, int], Awaitable[tuple[int, float] | None]]


class DurableEngine:
    """Starts deliveries by id: one that was started before is dropped; after a crash what ran is run again.

    One instance a process at a time: DBOS keeps its registry globally.
    """

    def __init__(self, url: URL, run: Run) -> None:
        self._url = url
        self._run = run
        self._deliver: Any = None
        self._engine: Engine | None = None

    def start(self) -> None:
        """Launches within the running loop, and takes up what a crash left."""
        self._engine = _engine(self._url)
        DBOS(
            config={
                "name": "slipway",
                "system_database_engine": self._engine,
                "application_version": "slipway",
                "executor_id": "local",
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "ERROR",
            }
        )
        run = self._run

        async def step(worker: str, event_id: str, attempt: int) -> list[float] | None:
            following = await run(worker, event_id, attempt)
            return None if following is None else list(following)

        async def deliver(worker: str, event_id: str, attempt: int, turn: int, delay: float) -> None:
            if delay:
                await DBOS.sleep_async(delay)
            following = await DBOS.run_step_async({"name": "deliver"}, step, worker, event_id, attempt)
            if following is not None:
                with SetWorkflowID(f"{event_id}:{worker}:{turn + 1}"):
                    await DBOS.start_workflow_async(
                        deliver_workflow, worker, event_id, int(following[0]), turn + 1, following[1]
                    )

        deliver_workflow = DBOS.workflow(name="deliver", max_recovery_attempts=4)(deliver)
        self._deliver = deliver_workflow
        DBOS.launch()

    async def begin(self, worker: str, event_id: str) -> None:
        """Starts the first attempt; the same delivery again does nothing."""
        with SetWorkflowID(f"{event_id}:{worker}:1"):
            await DBOS.start_workflow_async(self._deliver, worker, event_id, 1, 1, 0.0)

    def stop(self) -> None:
        """Leaves what runs to the next start."""
        DBOS.destroy(destroy_registry=True)
        if self._engine is not None:
            self._engine.dispose()


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
