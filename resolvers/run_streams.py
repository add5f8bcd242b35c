"""What the subscriptions of runs answer: a run as it changes, and its log as it grows."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any, Final

from resolvers.context import Context
from resolvers.streams import Moment, Stream
from schema.mapping import id_of
from schema.pipelines import PipelineLogPart
from services.errors import InvalidInput, absent
from services.pipelines.logs import LogPart
from services.pipelines.runs import FINISHED
from storage.event_log import EventFilter
from storage.tables.pipelines import PipelineRunRow

LOOK_SECONDS: Final = 0.25
WAIT_SECONDS: Final = 2.0


async def watch_run(context: Context, id: str) -> Stream[Any]:
    """The run as it is, then after each change of it, steps too; ends with the run. NotFound when out of sight."""
    return RunStream(context, (await _run(context, id)).row.id, id)


async def follow_log(context: Context, run_id: str, after_line: int) -> Stream[PipelineLogPart]:
    """The lines behind a number, then those to come; ends with the run. NotFound when it is out of sight."""
    if not 0 <= after_line < 2**31:
        raise InvalidInput(f"afterLine {after_line} is no line: 0 is before the first", field="afterLine")
    return LogStream(context, (await _run(context, run_id, "runId")).row, run_id, after_line)


async def _run(context: Context, id: str, field: str = "id") -> Any:
    found = await context.loaders.one("PipelineRun", id_of(id, "PipelineRun", field))
    if found is None:
        raise absent("run", id, field=field)
    return found


class RunStream(Stream[Any]):
    """Looks at the run's version: its steps change it without an event."""

    def __init__(self, context: Context, row_id: Any, id: str) -> None:
        super().__init__(context, EventFilter(subject_id=row_id), 0, _nothing, about=row_id)
        self._id = id

    async def moments(self) -> AsyncGenerator[Moment[Any], None]:
        """One for each version that is seen."""
        self._place = await self._context.hub.head(self._context.actor.access)
        version = 0
        while True:
            found = await _run(self._context, self._id)
            if found.row.version != version:
                version = found.row.version
                yield Moment(self._place, partial(_same, found), event=False)
            if found.row.status in FINISHED:
                return
            await asyncio.sleep(LOOK_SECONDS)


class LogStream(Stream[PipelineLogPart]):
    """Reads only as fast as its client takes; its cursor is no place in the events."""

    def __init__(self, context: Context, row: PipelineRunRow, id: str, after: int) -> None:
        super().__init__(context, EventFilter(subject_id=row.id), 0, _nothing, about=("log", row.id))
        self._row = row
        self._id = id
        self._line = after

    async def moments(self) -> AsyncGenerator[Moment[PipelineLogPart], None]:
        """One for each part; a run that has finished writes nothing more."""
        logs = self._context.services.run_logs
        self._place = await self._context.hub.head(self._context.actor.access)
        while True:
            over = (await _run(self._context, self._id, "runId")).row.status in FINISHED
            while (part := await logs.after(self._row, self._line)) is not None:
                self._line = part.last
                yield Moment(self._place, partial(_told, part), event=False)
            if over:
                return
            await logs.grown(self._row, self._line, WAIT_SECONDS)


async def _same(found: Any) -> Any:
    return found


async def _told(part: LogPart) -> PipelineLogPart:
    return PipelineLogPart.of(part.lines)


async def _nothing(_: Any) -> Any:
    return None
