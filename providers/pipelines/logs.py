"""The port to the logs of runs: lines that are only ever added."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from providers.pipelines.values import RunKey


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """``number`` counts from 1 in the run; ``record`` is the number of the step that wrote it, 0 for the run's own."""

    number: int
    at: datetime
    record: int
    text: str


class RunLogs(Protocol):
    """Logs by run; one that was never written to is empty. Safe from any task."""

    async def read(self, key: RunKey, *, after: int, limit: int) -> list[LogLine]:
        """At most so many lines behind a number, fewer when they are long; none at the end of what is written."""
        ...

    async def grown(self, key: RunKey, *, after: int, seconds: float) -> None:
        """Returns when there is more than so many lines, or after so many seconds."""
        ...
