"""Queries and mutations of pull requests."""

import strawberry

from resolvers.commands import mutation
from resolvers.context import Info
from resolvers.execution import carry_out
from resolvers.ref_moves import carry_move
from schema.connections import Connection, every
from schema.mapping import id_of
from schema.pull_request_commands import (
    ClosePullRequestInput,
    MergePullRequestInput,
    OpenPullRequestInput,
    PullRequestPayload,
    ReviewPullRequestInput,
)
from schema.pull_requests import PullRequest
from services.source_control.merging import MergePullRequest
from services.source_control.pull_requests import ClosePullRequest, OpenPullRequest, ReviewPullRequest


@strawberry.type
class PullRequestQuery:
    """Pull requests."""

    @strawberry.field(description="A pull request by its repository's id and its number.")
    async def pull_request(self, info: Info, repository: strawberry.ID, number: int) -> PullRequest | None:
        """Natural key."""
        parent = id_of(repository, "Repository", "repository")
        found: PullRequest | None = await info.context.loaders.find("PullRequest", repository_id=parent, number=number)
        return found

    pull_requests: Connection[PullRequest] = every(
        "PullRequest", Connection[PullRequest], "The pull requests in your sight."
    )


@strawberry.type
class PullRequestMutation:
    """Commands on pull requests."""

    @mutation(OpenPullRequest, "Propose to merge one branch into another.")
    async def open_pull_request(self, info: Info, input: OpenPullRequestInput) -> PullRequestPayload:
        """One service call; the checks follow."""
        context = info.context
        service = context.services.pull_requests
        done = await carry_out(context, input, lambda uow, command: service.open(uow, context.actor, command))
        return PullRequestPayload(pull_request=done.node, events=done.events, errors=done.errors)

    @mutation(ReviewPullRequest, "Approve, ask for changes, or comment.")
    async def review_pull_request(self, info: Info, input: ReviewPullRequestInput) -> PullRequestPayload:
        """One service call."""
        context = info.context
        service = context.services.pull_requests
        done = await carry_out(context, input, lambda uow, command: service.review(uow, context.actor, command))
        return PullRequestPayload(pull_request=done.node, events=done.events, errors=done.errors)

    @mutation(MergePullRequest, "Merge at the reviewed sha or not at all.")
    async def merge_pull_request(self, info: Info, input: MergePullRequestInput) -> PullRequestPayload:
        """A ref move of the target; decided in services/source_control/merging.py."""
        done = await carry_move(info.context, input, info.context.services.merges)
        return PullRequestPayload(pull_request=done.node, events=done.events, errors=done.errors)

    @mutation(ClosePullRequest, "Close without a merge.")
    async def close_pull_request(self, info: Info, input: ClosePullRequestInput) -> PullRequestPayload:
        """One service call."""
        context = info.context
        service = context.services.pull_requests
        done = await carry_out(context, input, lambda uow, command: service.close(uow, context.actor, command))
        return PullRequestPayload(pull_request=done.node, events=done.events, errors=done.errors)
