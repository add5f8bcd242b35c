"""BuildIngestionWorker: reads what a run has put out once it has ended, and records what the build came to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import BinaryIO, ClassVar, Final, cast

from providers.blobs.errors import BlobMissing
from providers.blobs.store import BlobKey, Blobs
from providers.pipelines.results.errors import ResultsInvalid
from providers.pipelines.results.parse import parse_coverage, parse_tests
from providers.pipelines.results.values import TestFormat
from providers.pipelines.values import ProducedKind
from services.pipelines.results import AT_ONCE, BuildResultService, Ingested, Test, build_id_of, parts_of
from storage.engine import Database
from storage.tables.operations import EventRow
from storage.tables.pipelines import BuildArtifactRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery
from workers.worker import Progress

MOST_CASES: Final = 20_000
MOST_FILES: Final = 5_000


class BuildIngestionWorker:
    """Tests are recorded part by part, each once; the build result stands when all of it does."""

    name: ClassVar[str] = "BuildIngestionWorker"
    wakes_on: ClassVar[tuple[str, ...]] = ("PipelineRunFinished",)
    attempts: ClassVar[int] = 5
    timeout: ClassVar[float] = 900.0

    def __init__(self, database: Database, blobs: Blobs, results: BuildResultService) -> None:
        self._database = database
        self._blobs = blobs
        self._results = results

    def wants(self, event: EventRow) -> bool:
        """Every run that has ended has a result."""
        return True

    async def act(self, delivery: Delivery, progress: Progress) -> Ingested:
        """The same parts in the same order whenever it runs again."""
        async with self._reading(delivery) as uow:
            told = await uow.rows.all(BuildArtifactRow, build_result_id=build_id_of(delivery.subject_id))
        ingested = Ingested()
        for row in sorted(told, key=lambda row: row.number):
            if row.kind != ProducedKind.ARTIFACT:
                await asyncio.to_thread(self._read, row, ingested)
        for number, tests in enumerate(parts_of(ingested.tests())):
            await progress(f"tests-{number}", partial(self._tested, delivery, tests))
        for start in range(0, len(ingested.files), AT_ONCE):
            await progress(f"coverage-{start}", partial(self._covered, delivery, ingested, start))
        return ingested

    def _read(self, row: BuildArtifactRow, ingested: Ingested) -> None:
        key = BlobKey(tenant_id=row.tenant_id, digest=row.digest)
        try:
            with self._blobs.open(key) as opened:
                file = cast(BinaryIO, opened)
                if row.kind == ProducedKind.COVERAGE:
                    files = parse_coverage(file)
                    ingested.files += files[: MOST_FILES - len(ingested.files)]
                else:
                    cases = parse_tests(TestFormat(row.written or ""), file)
                    ingested.cases += cases[: MOST_CASES - len(ingested.cases)]
        except (ResultsInvalid, BlobMissing) as error:
            ingested.problems.append(f"{row.path}: {error}")

    async def _tested(self, delivery: Delivery, tests: Sequence[Test], uow: UnitOfWork) -> None:
        await self._results.tested(uow, delivery.subject_id, tests)

    async def _covered(self, delivery: Delivery, ingested: Ingested, start: int, uow: UnitOfWork) -> None:
        files = ingested.files[start : start + AT_ONCE]
        await self._results.covered(uow, delivery.subject_id, start + 1, files)

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: Ingested) -> None:
        """What the build came to."""
        await self._results.completed(uow, delivery.subject_id, result)

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """A result without tests that says why, so that nobody waits for it."""
        await self._results.completed(uow, delivery.subject_id, Ingested(problems=[reason]))

    @asynccontextmanager
    async def _reading(self, delivery: Delivery) -> AsyncIterator[UnitOfWork]:
        """A unit of work that is never committed."""
        async with self._database.reading(delivery.access) as session:
            yield UnitOfWork(session, delivery.access, delivery.cause)
