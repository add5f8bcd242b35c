"""How a run's stages, jobs and steps stand, and what of it its watcher has not been told yet."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from providers.pipelines.definition.values import Pipeline
from providers.pipelines.values import DONE, Change, Ended, Produced, Record, RecordKind, Status

MOMENT_SECONDS: Final = 0.1


class Records:
    """Numbered from 1 in the order of the file, parents first; one watcher."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._records: dict[int, Record] = {}
        self._numbers: dict[tuple[str | int, ...], int] = {}
        self._untold: dict[int, None] = {}
        self._produced: list[Produced] = []
        self._ended: Ended | None = None
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        for stage in pipeline.stages:
            above = self._add(RecordKind.STAGE, None, (stage.name,), stage.name, stage.display_name)
            for job in stage.jobs:
                path = (stage.name, job.name)
                inside = self._add(RecordKind.JOB, above, path, job.name, job.display_name)
                for place, step in enumerate(job.steps):
                    name = step.name or f"step{place + 1}"
                    self._add(RecordKind.STEP, inside, (*path, place), name, step.display_name)

    def _add(
        self, kind: RecordKind, parent: int | None, path: tuple[str | int, ...], name: str, display_name: str
    ) -> int:
        number = len(self._records) + 1
        self._numbers[path] = number
        self._records[number] = Record(number=number, parent=parent, kind=kind, name=name, display_name=display_name)
        self._untold[number] = None
        return number

    def number(self, *path: str | int) -> int:
        """Of a stage, its job, or the job's step at a place from 0."""
        return self._numbers[path]

    def begin(self, number: int) -> None:
        """It runs now."""
        self._change(replace(self._records[number], status=Status.RUNNING, started_at=datetime.now(UTC)))

    def end(
        self, number: int, status: Status, *, explanation: str | None = None, exit_code: int | None = None
    ) -> Status:
        """How it went."""
        record = self._records[number]
        at = datetime.now(UTC) if record.started_at is not None else None
        self._change(replace(record, status=status, explanation=explanation, exit_code=exit_code, finished_at=at))
        return status

    def close(self, number: int, explanation: str) -> None:
        """Ends it and what is below with it, where they have not ended: canceled when it runs, skipped otherwise."""
        self.close_below(number, explanation)
        status = self._records[number].status
        if status not in DONE:
            ended = Status.CANCELED if status is Status.RUNNING else Status.SKIPPED
            self.end(number, ended, explanation=explanation)

    def close_below(self, number: int, explanation: str) -> None:
        """The same without itself."""
        for record in list(self._records.values()):
            if record.parent == number:
                self.close(record.number, explanation)

    def put_out(self, produced: Sequence[Produced]) -> None:
        """Files that are stored."""
        self._produced += produced
        self._news.set()

    def finish(self, ended: Ended) -> None:
        """The run is over."""
        self._ended = ended
        self._over.set()
        self._news.set()

    def _change(self, record: Record) -> None:
        self._records[record.number] = record
        self._untold[record.number] = None
        self._news.set()

    async def changes(self) -> AsyncGenerator[Change, None]:
        """Everything once, then what is new; what changes within a moment, or while its watcher is busy, together."""
        while True:
            self._news.clear()
            told = tuple(self._records[number] for number in sorted(self._untold))
            self._untold.clear()
            produced, self._produced = tuple(self._produced), []
            ended = self._ended
            if told or produced or ended is not None:
                yield Change(records=told, produced=produced, ended=ended)
            if ended is not None:
                return
            await self._news.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(MOMENT_SECONDS):
                    await self._over.wait()
