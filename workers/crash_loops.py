"""Buries what the engine gave up by itself, so that no row waits for a delivery that nobody carries."""

import structlog

from workers.engine import DurableEngine
from workers.runtime import Runtime

LOOK_SECONDS = 10.0
_log = structlog.get_logger()


class CrashLoops:
    """A delivery that killed its process four times becomes a dead letter with its aggregate's failure."""

    def __init__(self, engine: DurableEngine, runtime: Runtime) -> None:
        self._engine = engine
        self._runtime = runtime

    async def look(self) -> int:
        """How many were buried; the dead letter committed, the engine may forget."""
        found = await self._engine.dead_letters()
        for dead in found:
            _log.warning("a delivery is given up", worker=dead.worker, delivery=dead.delivery, reason=dead.reason)
            await self._runtime.give_up(dead.worker, dead.delivery, dead.attempts, dead.reason)
            await self._engine.forget([dead.workflow_id])
        return len(found)
