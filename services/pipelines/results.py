"""BuildResultService: what a run has put out while it goes, and what it came to once it has ended."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from providers.pipelines.results.values import CaseResult, FileCoverage, Outcome
from providers.pipelines.values import Produced
from services.events.event import record
from services.events.pipelines import BuildCompleted
from services.pipelines.flakiness import flaky_because, remembered
from storage.access import NewEdge
from storage.ids import new_id
from storage.queries.conditions import Compare, Condition
from storage.tables.pipelines import (
    BuildArtifactRow,
    BuildResultRow,
    FileCoverageRow,
    PipelineDefinitionRow,
    PipelineRunRow,
    TestCaseResultRow,
    TestCaseRow,
)
from storage.unit_of_work import UnitOfWork

AT_ONCE: Final = 400
MOST_PROBLEMS: Final = 50


@dataclass(frozen=True, kw_only=True)
class Test:
    """A test of one run with each time it went, numbered from ``first``; it failed when any did."""

    __test__ = False

    key: str
    first: int
    results: list[CaseResult]

    @property
    def outcome(self) -> Outcome:
        """Over all of them."""
        outcomes = {one.outcome for one in self.results}
        return next(one for one in (Outcome.FAILED, Outcome.PASSED, Outcome.SKIPPED) if one in outcomes)


@dataclass(kw_only=True)
class Ingested:
    """What the result files of a run say together; ``problems`` are files that could not be read."""

    cases: list[CaseResult] = field(default_factory=list)
    files: list[FileCoverage] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def tests(self) -> list[Test]:
        """The cases by test, in the order in which each came first; results are numbered in that order."""
        grouped: dict[str, list[CaseResult]] = {}
        for case in self.cases:
            key = hashlib.sha256(f"{case.suite}\0{case.name}".encode("utf-8", "replace")).hexdigest()
            grouped.setdefault(key, []).append(case)
        tests, first = [], 1
        for key, results in grouped.items():
            tests.append(Test(key=key, first=first, results=results))
            first += len(results)
        return tests


def build_id_of(run_id: UUID) -> UUID:
    """The id of a run's build result, known before there is one: as unique as the run's, and sorting with it."""
    return UUID(int=run_id.int ^ 1)


class BuildResultService:
    """Owns build results, artifacts, coverage and tests."""

    async def collected(self, uow: UnitOfWork, run_id: UUID, produced: Sequence[Produced]) -> None:
        """Files that a run which goes on has put out."""
        run = await uow.rows.get(PipelineRunRow, run_id)
        assert run is not None
        for one in produced:
            uow.rows.put(_artifact_row(run, one))

    async def tested(self, uow: UnitOfWork, run_id: UUID, tests: Sequence[Test]) -> None:
        """Each test's results, and what is known of it over all runs; once for each part of a run's tests.

        Runs of one pipeline take turns, so that none forgets what the other has counted.
        """
        run = await uow.rows.get(PipelineRunRow, run_id)
        assert run is not None
        await uow.rows.get(PipelineDefinitionRow, run.pipeline_id, lock=True)
        keys = [(run.module_id, test.key) for test in tests]
        known = {row.key: row for row in await uow.rows.by_keys(TestCaseRow, ("module_id", "key"), keys)}
        for test in tests:
            case = known.get(test.key) or _case_row(run, test)
            if test.key not in known:
                uow.rows.put(case)
            _went(case, run, test)
            for number, result in enumerate(test.results, test.first):
                uow.rows.put(_result_row(run, case, number, result))

    async def covered(self, uow: UnitOfWork, run_id: UUID, first: int, files: Sequence[FileCoverage]) -> None:
        """How much of each file was run; once for each part of them."""
        run = await uow.rows.get(PipelineRunRow, run_id)
        assert run is not None
        for number, one in enumerate(files, first):
            uow.rows.put(_coverage_row(run, number, one))

    async def completed(self, uow: UnitOfWork, run_id: UUID, ingested: Ingested) -> None:
        """What it came to, with its place in lineage and the event that wakes who publishes; once."""
        run = await uow.rows.get(PipelineRunRow, run_id, lock=True)
        if run is None or await uow.rows.find(BuildResultRow, pipeline_run_id=run_id) is not None:
            return
        row = _build_row(run, ingested)
        await uow.rows.add(row)
        artifacts = await uow.rows.count(BuildArtifactRow, [Condition("build_result_id", Compare.IS, row.id)])
        event = BuildCompleted(
            pipeline_run_id=run.id,
            repository_id=run.repository_id,
            branch=run.branch,
            commit_sha=run.commit_sha,
            status=run.status,
            tests_total=row.tests_total,
            tests_failed=row.tests_failed,
            artifacts=artifacts,
        )
        record(uow, event, subject_id=row.id, project_id=run.project_id, module_id=run.module_id, trace_id=run.trace_id)
        ends = {"upstream": ("PipelineRun", run.id), "downstream": ("BuildResult", row.id)}
        uow.link(NewEdge(kind="PRODUCED", project_id=run.project_id, **ends))


def parts_of(tests: Sequence[Test]) -> Iterator[Sequence[Test]]:
    """A unit of work each."""
    for start in range(0, len(tests), AT_ONCE):
        yield tests[start : start + AT_ONCE]


def _went(case: TestCaseRow, run: PipelineRunRow, test: Test) -> None:
    outcome = test.outcome
    case.outcome, case.runs = outcome.value, case.runs + 1
    case.passed += outcome is Outcome.PASSED
    case.failed += outcome is Outcome.FAILED
    case.recent = remembered(case.recent, outcome, run.branch, run.commit_sha)
    case.flaky_because = flaky_because(case.recent)
    case.flaky = case.flaky_because is not None


def _case_row(run: PipelineRunRow, test: Test) -> TestCaseRow:
    first = test.results[0]
    return TestCaseRow(
        id=new_id(),
        tenant_id=run.tenant_id,
        project_id=run.project_id,
        module_id=run.module_id,
        key=test.key,
        suite=first.suite,
        name=first.name,
        outcome=first.outcome.value,
        recent=[],
    )


def _result_row(run: PipelineRunRow, case: TestCaseRow, number: int, one: CaseResult) -> TestCaseResultRow:
    return TestCaseResultRow(
        tenant_id=run.tenant_id,
        project_id=run.project_id,
        build_result_id=build_id_of(run.id),
        test_case_id=case.id,
        number=number,
        suite=one.suite,
        name=one.name,
        outcome=one.outcome.value,
        duration_ms=one.duration_ms,
        message=one.message,
        stack=one.stack,
    )


def _coverage_row(run: PipelineRunRow, number: int, one: FileCoverage) -> FileCoverageRow:
    return FileCoverageRow(
        tenant_id=run.tenant_id,
        project_id=run.project_id,
        build_result_id=build_id_of(run.id),
        number=number,
        path=one.path,
        lines_covered=one.lines_covered,
        lines=one.lines,
        branches_covered=one.branches_covered,
        branches=one.branches,
    )


def _artifact_row(run: PipelineRunRow, one: Produced) -> BuildArtifactRow:
    return BuildArtifactRow(
        tenant_id=run.tenant_id,
        project_id=run.project_id,
        build_result_id=build_id_of(run.id),
        number=one.number,
        step=one.step,
        kind=one.kind.value,
        name=one.name,
        path=one.path,
        digest=one.digest,
        size=one.size,
        executable=one.executable,
        written=one.written,
    )


def _build_row(run: PipelineRunRow, ingested: Ingested) -> BuildResultRow:
    outcomes = [case.outcome for case in ingested.cases]
    took = None if run.started_at is None or run.finished_at is None else run.finished_at - run.started_at
    return BuildResultRow(
        id=build_id_of(run.id),
        tenant_id=run.tenant_id,
        project_id=run.project_id,
        pipeline_run_id=run.id,
        module_id=run.module_id,
        repository_id=run.repository_id,
        branch=run.branch,
        commit_sha=run.commit_sha,
        status=run.status,
        tests_total=len(outcomes),
        tests_passed=outcomes.count(Outcome.PASSED),
        tests_failed=outcomes.count(Outcome.FAILED),
        tests_skipped=outcomes.count(Outcome.SKIPPED),
        coverage_files=len(ingested.files),
        lines_covered=sum(one.lines_covered for one in ingested.files),
        lines=sum(one.lines for one in ingested.files),
        branches_covered=sum(one.branches_covered for one in ingested.files),
        branches=sum(one.branches for one in ingested.files),
        duration_ms=None if took is None else round(took.total_seconds() * 1000),
        problems=ingested.problems[:MOST_PROBLEMS],
        trace_id=run.trace_id,
    )
