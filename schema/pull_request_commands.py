"""Inputs and payloads of pull requests."""

import strawberry

from providers.git.values import MergeMethod
from schema.commands import Command, Payload
from schema.mapping import id_of
from schema.pull_requests import PullRequest
from schema.scalars import GitSha
from services.source_control import merging, pull_requests
from services.source_control.reviews import Verdict

strawberry.enum(MergeMethod, description="How a source joins its target.")


@strawberry.input(description="Propose to merge one branch into another.")
class OpenPullRequestInput(Command):
    """Into the default branch without a target."""

    repository_id: strawberry.ID
    source_branch: str
    title: str
    target_branch: str | None = None
    body: str = ""

    def to_command(self) -> pull_requests.OpenPullRequest:
        """Frozen."""
        return pull_requests.OpenPullRequest(
            repository_id=id_of(self.repository_id, "Repository", "repositoryId"),
            source_branch=self.source_branch,
            title=self.title,
            target_branch=self.target_branch,
            body=self.body,
        )


@strawberry.input(description="Say something of the source as it stands at sourceSha.")
class ReviewPullRequestInput(Command):
    """CONFLICT when the source has moved since."""

    pull_request_id: strawberry.ID
    verdict: Verdict
    source_sha: GitSha
    body: str = ""

    def to_command(self) -> pull_requests.ReviewPullRequest:
        """Frozen."""
        return pull_requests.ReviewPullRequest(
            pull_request_id=id_of(self.pull_request_id, "PullRequest", "pullRequestId"),
            verdict=self.verdict,
            source_sha=self.source_sha,
            body=self.body,
        )


@strawberry.input(description="Merge, when the source is still what was reviewed.")
class MergePullRequestInput(Command):
    """CONFLICT when the source or the target moved."""

    pull_request_id: strawberry.ID
    expected_source_sha: GitSha
    method: MergeMethod = MergeMethod.MERGE
    message: str | None = None

    def to_command(self) -> merging.MergePullRequest:
        """Frozen."""
        return merging.MergePullRequest(
            pull_request_id=id_of(self.pull_request_id, "PullRequest", "pullRequestId"),
            expected_source_sha=self.expected_source_sha,
            method=self.method,
            message=self.message,
        )


@strawberry.input(description="Close without a merge.")
class ClosePullRequestInput(Command):
    """Only an open one."""

    pull_request_id: strawberry.ID

    def to_command(self) -> pull_requests.ClosePullRequest:
        """Frozen."""
        return pull_requests.ClosePullRequest(
            pull_request_id=id_of(self.pull_request_id, "PullRequest", "pullRequestId")
        )


@strawberry.type(description="The pull request.")
class PullRequestPayload(Payload):
    """Null when refused."""

    pull_request: PullRequest | None = strawberry.field(default=None, description="The pull request as it is now.")
