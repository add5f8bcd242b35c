"""RunLogService: a run's log, read by its lines; no unit of work is open meanwhile."""

import asyncio
from dataclasses import dataclass
from typing import Final

from providers.pipelines.logs import LogLine, RunLogs
from providers.pipelines.values import RunKey
from services.errors import ProviderDown
from storage.tables.pipelines import PipelineRunRow

LINES: Final = 500
SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """Some lines of a log, in order."""

    lines: list[LogLine]

    @property
    def last(self) -> int:
        """The number of the last one."""
        return self.lines[-1].number


class RunLogService:
    """Reads within bounds."""

    def __init__(self, logs: RunLogs) -> None:
        self._logs = logs

    async def after(self, run: PipelineRunRow, line: int, limit: int = LINES) -> LogPart | None:
        """What follows a line; None when nothing is there yet."""
        try:
            async with asyncio.timeout(SECONDS):
                lines = await self._logs.read(key_of_run(run), after=line, limit=limit)
        except TimeoutError as error:
            raise ProviderDown(f"reading the log took over {SECONDS:g} s and was given up") from error
        return LogPart(lines=lines) if lines else None

    async def grown(self, run: PipelineRunRow, line: int, seconds: float) -> None:
        """Waits for more than so many lines, but only so long."""
        await self._logs.grown(key_of_run(run), after=line, seconds=seconds)


def key_of_run(run: PipelineRunRow) -> RunKey:
    """Where a run's log lies."""
    return RunKey(tenant_id=run.tenant_id, run_id=run.id)
