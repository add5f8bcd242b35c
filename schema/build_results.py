"""Types of what runs come to: build results, their artifacts, tests and coverage."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import strawberry
from strawberry.types import Info

from providers.pipelines.results.values import Outcome
from providers.pipelines.values import ProducedKind
from schema.connections import Connection, to_many
from schema.mapping import Listing, Node, column, id_column, to_one, to_one_by
from schema.pipelines import LazyBuildResult, LazyCommit, LazyRun
from schema.platform import LazyPackage, LazyRepository, LazyTestCase, Module
from schema.scalars import BigInt, GitSha, Sha256Digest
from services.pipelines.runs import RunStatus
from storage.ids import public_id

if TYPE_CHECKING:
    from schema.packages import PackagePublication  # noqa: F401  # LazyPackage names it
    from schema.source_control import Repository  # noqa: F401  # LazyRepository names it

strawberry.enum(Outcome, name="TestOutcome", description="How a test went.")
strawberry.enum(ProducedKind, name="BuildArtifactKind", description="What a file that a run has put out is.")


@strawberry.type(description="A file that a run has put out, by its content.")
class BuildArtifact(Node):
    """Of an artifact with several files each is one."""

    listing: ClassVar = Listing(filter=("build_result", "kind", "name", "path", "digest"), order=("number",))

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    build_result: LazyBuildResult | None = to_one(
        "build_result_id", "BuildResult", "The build that it is of; null until that is recorded."
    )
    number: int = column("number", "Dense in the build from 1, in the order in which files were put out.")
    step: int = column("step", "The number of the step that put it out.")
    kind: ProducedKind = column("kind", "What it is.")
    name: str = column("name", "The artifact's name, or the title of the tests.")
    path: str = column("path", "Where it stands in the artifact.")
    digest: Sha256Digest = column("digest", "sha256 of its content.")
    size: BigInt = column("size", "In bytes.")
    executable: bool = column("executable", "Whether it is a program.")
    created_at: datetime = column("created_at", "When it was put out.")

    @strawberry.field(description="Where its content is, for a token that sees its project.")
    def uri(self, info: Info[Any, Any]) -> str:
        """By this server."""
        return f"{info.context.base_url}/artifacts/{public_id('BuildArtifact', self.row.id)}"


@strawberry.type(description="How many tests went which way.")
class TestCounts:
    """Over all result files of a run."""

    __test__ = False

    total: int = strawberry.field(description="All of them.")
    passed: int = strawberry.field(description="That passed.")
    failed: int = strawberry.field(description="That failed, also before or after the test itself.")
    skipped: int = strawberry.field(description="That were not run.")


@strawberry.type(description="How much of the source was run.")
class Coverage:
    """Over all files of a run."""

    files: int = strawberry.field(description="How many source files were looked at.")
    lines_covered: int = strawberry.field(description="Lines that were run.")
    lines: int = strawberry.field(description="Lines that can be run.")
    branches_covered: int = strawberry.field(description="Branches that were taken.")
    branches: int = strawberry.field(description="Branches there are; 0 where nobody counted them.")
    line_rate: float = strawberry.field(description="Lines that were run of those that can be, 0 to 1.")


@strawberry.type(description="How much of one source file a build has run.")
class FileCoverage(Node):
    """From Cobertura, classes of one file taken together."""

    listing: ClassVar = Listing(filter=("build_result", "path"), contains=("path",), order=("path",))

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    build_result: LazyBuildResult | None = to_one("build_result_id", "BuildResult", "The build that it is of.")
    path: str = column("path", "The source file, as the tool names it.")
    lines_covered: int = column("lines_covered", "Lines that were run.")
    lines: int = column("lines", "Lines that can be run.")
    branches_covered: int = column("branches_covered", "Branches that were taken.")
    branches: int = column("branches", "Branches there are; 0 where nobody counted them.")


@strawberry.type(description="How a test went in one build.")
class TestCaseResult(Node):
    """Texts are cut: 4,000 characters of a message, 16,000 of a stack."""

    __test__ = False
    listing: ClassVar = Listing(filter=("build_result", "test_case", "outcome"), contains=("name", "suite"))

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    build_result: LazyBuildResult | None = to_one(
        "build_result_id", "BuildResult", "The build; null until all of it is recorded."
    )
    test_case: LazyTestCase | None = to_one("test_case_id", "TestCase", "The test, over all builds.")
    number: int = column("number", "Dense in the build from 1.")
    suite: str = column("suite", "Its class, or the suite it stands in.")
    name: str = column("name", "Its name in the suite.")
    outcome: Outcome = column("outcome", "How it went.")
    duration_ms: int | None = column("duration_ms", "How long it took, where that was told.")
    message: str | None = column("message", "Why it failed or was skipped.")
    stack: str | None = column("stack", "Where it failed.")
    created_at: datetime = column("created_at", "When it was recorded.")


@strawberry.type(description="A test of a module over all its runs, known by suite and name.")
class TestCase(Node):
    """A test is flaky when it passed and failed at one commit, or turned three times of late on one branch."""

    __test__ = False
    listing: ClassVar = Listing(
        filter=("project_id", "module", "outcome", "flaky"), contains=("name", "suite"), order=("failed",)
    )

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    module: Module | None = to_one("module_id", "Module", "The module that it tests.")
    suite: str = column("suite", "Its class, or the suite it stands in.")
    name: str = column("name", "Its name in the suite.")
    outcome: Outcome = column("outcome", "How it went last.")
    runs: int = column("runs", "In how many runs it was.")
    passed: int = column("passed", "In how many it passed.")
    failed: int = column("failed", "In how many it failed.")
    flaky: bool = column("flaky", "Whether it goes both ways without a reason in the code.")
    flaky_because: str | None = column("flaky_because", "What says so.")
    created_at: datetime = column("created_at", "When it was first seen.")
    updated_at: datetime = column("updated_at", "When it was last seen.")
    results: Connection[TestCaseResult] = to_many(
        "TestCaseResult", "test_case_id", Connection[TestCaseResult], "How it went in each build."
    )


@strawberry.type(description="What a run that has ended came to.")
class BuildResult(Node):
    """Recorded once everything that the run has put out is read."""

    listing: ClassVar = Listing(
        filter=("project_id", "module", "repository", "branch", "commit_sha", "status", "trace_id")
    )

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    pipeline_run: LazyRun | None = to_one("pipeline_run_id", "PipelineRun", "The run.")
    module: Module | None = to_one("module_id", "Module", "The module that was built.")
    repository: LazyRepository | None = to_one("repository_id", "Repository", "Where its commit stands.")
    branch: str = column("branch", "The branch it was built for.")
    commit_sha: GitSha = column("commit_sha", "What was built.")
    commit: LazyCommit | None = to_one_by("Commit", "What was built.", repository_id="repository_id", sha="commit_sha")
    status: RunStatus = column("status", "How the run ended.")
    duration_ms: int | None = column("duration_ms", "How long the run took, when it began at all.")
    problems: list[str] = column("problems", "Result files that could not be read, and why; at most 50.")
    trace_id: str = column("trace_id", "The trace it belongs to.")
    created_at: datetime = column("created_at", "When it was recorded.")
    artifacts: Connection[BuildArtifact] = to_many(
        "BuildArtifact", "build_result_id", Connection[BuildArtifact], "What the run has put out."
    )
    test_results: Connection[TestCaseResult] = to_many(
        "TestCaseResult", "build_result_id", Connection[TestCaseResult], "Its tests, one by one."
    )
    files: Connection[FileCoverage] = to_many(
        "FileCoverage", "build_result_id", Connection[FileCoverage], "Coverage by source file."
    )
    packages: Connection[LazyPackage] = to_many(
        "PackagePublication", "build_result_id", Connection[LazyPackage], "The versions of packages that came of it."
    )

    @strawberry.field(description="Its tests, counted.")
    def tests(self) -> TestCounts:
        """From the row."""
        row = self.row
        return TestCounts(
            total=row.tests_total, passed=row.tests_passed, failed=row.tests_failed, skipped=row.tests_skipped
        )

    @strawberry.field(description="How much was run; null where nobody measured.")
    def coverage(self) -> Coverage | None:
        """From the row."""
        row = self.row
        if not row.coverage_files:
            return None
        return Coverage(
            files=row.coverage_files,
            lines_covered=row.lines_covered,
            lines=row.lines,
            branches_covered=row.branches_covered,
            branches=row.branches,
            line_rate=row.lines_covered / row.lines if row.lines else 0.0,
        )
