"""Why a pull request does not merge now: a tree of unmet gates, each with who can open it and how; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.source_control.protection import required_reviews
from services.source_control.pull_requests import PullRequestStatus
from services.source_control.repositories import RepositoryStatus
from services.source_control.reviews import Tally, tally
from storage.ids import public_id
from storage.tables.source_control import BranchRow, PullRequestRow, RepositoryRow, ReviewRow

WRITERS = "any identity with devops.repositories.write"
NOBODY = "nobody"


class Gate(StrEnum):
    """What has to be open for a merge."""

    STATUS = "STATUS"
    REPOSITORY = "REPOSITORY"
    BRANCHES = "BRANCHES"
    CHECKS = "CHECKS"
    MERGEABILITY = "MERGEABILITY"
    REVIEWS = "REVIEWS"


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """A mutation and those of its input fields that are known."""

    mutation: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Blocker:
    """One unmet gate; ``blockers`` are the parts that it consists of."""

    gate: Gate
    why: str
    who: str
    remedy: Remedy | None = None
    blockers: tuple["Blocker", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Everything that a merge is decided by, as the rows say."""

    pull_request: PullRequestRow
    repository: RepositoryRow
    source: BranchRow | None
    target: BranchRow | None
    reviews: Sequence[ReviewRow]
    names: Mapping[UUID, str]


def blockers(now: Situation) -> list[Blocker]:
    """As far as the last checks know; CHECKS says that they do not know yet: a merge asks reviews and Git itself."""
    row = now.pull_request
    if row.status != PullRequestStatus.OPEN:
        return [_status(now)]
    if now.repository.status != RepositoryStatus.PROVISIONED:
        why = f"the repository is {now.repository.status}: only a PROVISIONED one takes changes"
        return [Blocker(gate=Gate.REPOSITORY, why=why, who=NOBODY)]
    if now.source is None or now.target is None:
        return _branches(now)
    found = [_checks(now, now.source, now.target), _mergeability(now), _reviews(now, now.target)]
    return [one for one in found if one is not None]


def _status(now: Situation) -> Blocker:
    row = now.pull_request
    if row.status == PullRequestStatus.MERGED:
        return Blocker(gate=Gate.STATUS, why="the pull request is MERGED", who=NOBODY)
    again = {
        "repositoryId": public_id("Repository", row.repository_id),
        "sourceBranch": row.source_branch,
        "targetBranch": row.target_branch,
        "title": row.title,
    }
    remedy = Remedy(mutation="openPullRequest", arguments=again)
    return Blocker(gate=Gate.STATUS, why="the pull request is CLOSED", who=WRITERS, remedy=remedy)


def _branches(now: Situation) -> list[Blocker]:
    row = now.pull_request
    ends = (
        ("source", now.source, row.source_branch, row.source_sha),
        ("target", now.target, row.target_branch, row.target_sha),
    )
    found = []
    for side, branch, name, sha in ends:
        if branch is None:
            again = {"repositoryId": public_id("Repository", row.repository_id), "name": name, "fromSha": sha}
            remedy = Remedy(mutation="createBranch", arguments=again)
            why = f"the {side} branch {name!r} is deleted"
            found.append(Blocker(gate=Gate.BRANCHES, why=why, who=WRITERS, remedy=remedy))
    return found


def _checks(now: Situation, source: BranchRow, target: BranchRow) -> Blocker | None:
    row = now.pull_request
    if row.checks_status == "ERROR":
        return Blocker(gate=Gate.CHECKS, why="the checks could not run", who="an operator, by the dead letter")
    if row.checks_status == "PENDING" or (row.source_sha, row.target_sha) != (source.head_sha, target.head_sha):
        why = f"the checks of {source.head_sha[:12]} into {target.head_sha[:12]} have not completed"
        return Blocker(gate=Gate.CHECKS, why=why, who="PullRequestCheckWorker, by itself")
    return None


def _mergeability(now: Situation) -> Blocker | None:
    row = now.pull_request
    if row.mergeability != "CONFLICTING":
        return None
    arguments = {
        "repositoryId": public_id("Repository", row.repository_id),
        "branch": row.source_branch,
        "expectedHeadSha": row.source_sha,
        "changes": [{"path": path} for path in row.conflicts],
    }
    why = f"both branches changed {', '.join(row.conflicts[:10])}"
    remedy = Remedy(mutation="createCommit", arguments=arguments)
    return Blocker(gate=Gate.MERGEABILITY, why=why, who=WRITERS, remedy=remedy)


def _reviews(now: Situation, target: BranchRow) -> Blocker | None:
    row, required = now.pull_request, required_reviews(now.repository, target)
    told = tally(now.reviews, author=row.author_id, source_sha=row.source_sha, required=required)
    if told.passed:
        return None
    approve = Remedy(
        mutation="reviewPullRequest",
        arguments={
            "pullRequestId": public_id("PullRequest", row.id),
            "verdict": "APPROVE",
            "sourceSha": row.source_sha,
        },
    )
    return Blocker(
        gate=Gate.REVIEWS,
        why=f"the pull request has {told.summary}",
        who=f"{WRITERS} but its author",
        remedy=approve,
        blockers=_objections(now, told, approve),
    )


def _objections(now: Situation, told: Tally, approve: Remedy) -> tuple[Blocker, ...]:
    names = [now.names.get(who, "a reviewer") for who in told.objectors]
    return tuple(Blocker(gate=Gate.REVIEWS, why=f"{name} asks for changes", who=name, remedy=approve) for name in names)
