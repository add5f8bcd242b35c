"""Types of pull requests: what is proposed, what reviewers say, what the checks say."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar

import strawberry
from strawberry.types import Info

from schema.blockers import Blocker, pull_request_blockers
from schema.connections import Connection, to_many
from schema.git_objects import Diff
from schema.links import linked
from schema.mapping import Listing, Node, column, id_column, to_one, to_one_by
from schema.platform import Identity
from schema.scalars import GitSha
from schema.source_control_reading import diff_of
from services.source_control.pull_requests import PullRequestStatus
from services.source_control.reviews import Verdict

if TYPE_CHECKING:
    from schema.pipelines import PipelineRun
    from schema.source_control import Branch, Commit, Repository

strawberry.enum(PullRequestStatus, description="Where a pull request is in its life.")
strawberry.enum(Verdict, description="What a reviewer says.")

Lazy = strawberry.lazy("schema.source_control")
LazyPullRequest = Annotated["PullRequest", strawberry.lazy("schema.pull_requests")]


@strawberry.type(description="What a reviewer said of one source sha.")
class Review(Node):
    """Stale once the source moves."""

    listing: ClassVar = Listing(filter=("reviewer", "verdict", "source_sha", "is_stale"))

    pull_request: LazyPullRequest | None = to_one("pull_request_id", "PullRequest", "What was reviewed.")
    reviewer: Identity | None = to_one("reviewer_id", "Identity", "Who.")
    verdict: Verdict = column("verdict", "What they say.")
    body: str = column("body", "Why.")
    source_sha: GitSha = column("source_sha", "Of which sha.")
    is_stale: bool = column("is_stale", "Whether the source has moved since.")
    created_at: datetime = column("created_at", "When.")


@strawberry.type(description="One automatic check of a pull request.")
class Check(Node):
    """Of one source and target."""

    listing: ClassVar = Listing(filter=("name", "status"), order=("name",))

    pull_request: LazyPullRequest | None = to_one("pull_request_id", "PullRequest", "What is checked.")
    name: str = column("name", "What is checked.")
    status: str = column("status", "PASSED or FAILED.")
    summary: str = column("summary", "Why.")
    source_sha: GitSha = column("source_sha", "Of which source.")
    target_sha: GitSha = column("target_sha", "Against which target.")


@strawberry.type(description="A proposal to merge one branch into another.")
class PullRequest(Node):
    """Merges at the reviewed sha or not at all."""

    listing: ClassVar = Listing(
        filter=(
            "number",
            "status",
            "mergeability",
            "checks_status",
            "author",
            "source_branch",
            "target_branch",
            "source_sha",
            "merge_sha",
            "trace_id",
            "updated_at",
        ),
        contains=("title",),
        order=("updated_at",),
    )

    repository_id: strawberry.ID = id_column("repository_id", "Repository", "Its repository's id.")
    repository: Annotated["Repository", Lazy] | None = to_one("repository_id", "Repository", "Its repository.")
    number: int = column("number", "Dense in the repository, from 1.")
    title: str = column("title", "What it is about.")
    body: str = column("body", "Why.")
    source_branch: str = column("source_branch", "The branch that is proposed.")
    target_branch: str = column("target_branch", "The branch it shall join.")
    source: Annotated["Branch", Lazy] | None = to_one_by(
        "Branch", "The source branch; null once it is deleted.", repository_id="repository_id", name="source_branch"
    )
    target: Annotated["Branch", Lazy] | None = to_one_by(
        "Branch", "The target branch; null once it is deleted.", repository_id="repository_id", name="target_branch"
    )
    source_sha: GitSha = column("source_sha", "Where the source stands; what reviews and the merge are of.")
    target_sha: GitSha = column("target_sha", "Where the target stood at the last check.")
    merge_sha: GitSha | None = column("merge_sha", "Where the target stood after the merge.")
    merge_commit: Annotated["Commit", Lazy] | None = to_one_by(
        "Commit", "The commit that the merge left the target at.", repository_id="repository_id", sha="merge_sha"
    )
    mergeability: str = column("mergeability", "UNKNOWN, MERGEABLE or CONFLICTING.")
    conflicts: list[str] = column("conflicts", "The paths that both sides changed.")
    checks_status: str = column("checks_status", "PENDING, PASSED, FAILED, or ERROR when they could not run.")
    author: Identity | None = to_one("author_id", "Identity", "Who proposed it.")
    merged_by: Identity | None = to_one("merged_by", "Identity", "Who merged it.")
    status: PullRequestStatus = column("status", "Where it is in its life.")
    trace_id: str = column("trace_id", "The trace it belongs to.")
    created_at: datetime = column("created_at", "When it was opened.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    reviews: Connection[Review] = to_many("Review", "pull_request_id", Connection[Review], "What reviewers said.")
    checks: Connection[Check] = to_many("Check", "pull_request_id", Connection[Check], "Its automatic checks.")
    pipeline_runs: Connection[Annotated["PipelineRun", strawberry.lazy("schema.pipelines")]] = to_many(
        "PipelineRun",
        "pull_request_id",
        Connection[Annotated["PipelineRun", strawberry.lazy("schema.pipelines")]],
        "The runs that it started.",
    )
    commits: Connection[Annotated["Commit", Lazy]] = linked(
        "PROPOSED_IN",
        "Commit",
        Connection[Annotated["Commit", Lazy]],
        "Every commit that was proposed, at most the newest 1,000 each time the source moved.",
        downstream=False,
    )

    @strawberry.field(
        description="Why it does not merge now, as far as the last checks know; CHECKS: they do not know yet."
    )
    async def blockers(self, info: Info) -> list[Blocker]:
        """Decided in services/source_control/blockers.py."""
        return await pull_request_blockers(info, self.row)

    @strawberry.field(description="What it proposes: the source since it parted from the target.")
    async def diff(self, info: Info) -> Diff | None:
        """As of the last check."""
        row = self.row
        return await diff_of(info, row.repository_id, row.target_sha, row.source_sha, from_merge_base=True)
