"""Pull requests: opened, checked by themselves, reviewed, merged at the reviewed sha or not at all."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from storage.event_log import EventFilter, read
from storage.queries.lineage import LineageQueries
from tests.api.conftest import Client
from tests.api.test_commits import Repo, repo

pytestmark = pytest.mark.both_databases

__all__ = ["repo"]
FIELDS = """pullRequest { id number status sourceSha mergeSha mergeability conflicts checksStatus
    checks { nodes { name status summary } } reviews { nodes { verdict isStale } } }"""


class Pull:
    """An open pull request, and the workers run by hand so that a test knows when they are done."""

    def __init__(self, repo: Repo, reviewer: Client, id: str) -> None:
        self.repo, self.reviewer, self.id = repo, reviewer, id
        self.seen = 0

    async def settle(self) -> dict[str, Any]:
        """Runs the check worker over every event since the last time, and reads the pull request."""
        slipway = self.repo.client.slipway
        worker = slipway.workers.runtime.workers["PullRequestCheckWorker"]
        async with slipway.database.reading(self.repo.access) as session:
            wanted = EventFilter(types=worker.wakes_on)
            rows = await read(session, self.repo.access, after=self.seen, wanted=wanted, limit=100)
        for row in rows:
            assert await slipway.workers.runtime.run(worker.name, row.event_id.hex, 1) is None
            self.seen = row.sequence
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on PullRequest {FIELDS.removeprefix('pullRequest ')} }} }}"
        node: dict[str, Any] = (await self.repo.client.ask(query, id=self.id))["node"]
        return node

    async def review(self, verdict: str, sha: str, client: Client | None = None) -> dict[str, Any]:
        fields = {"pullRequestId": self.id, "verdict": verdict, "sourceSha": sha}
        return await (client or self.reviewer).do("reviewPullRequest", FIELDS, **fields)

    async def merge(self, sha: str, **more: Any) -> dict[str, Any]:
        fields = {"pullRequestId": self.id, "expectedSourceSha": sha}
        return await self.repo.client.do("mergePullRequest", FIELDS, **(fields | more))


@pytest.fixture
async def pull(repo: Repo) -> Pull:
    await repo.commit("feature.txt")
    made = await repo.client.done(
        "openPullRequest", FIELDS, repositoryId=repo.id, sourceBranch="work", title="Add a feature"
    )
    who = await repo.client.done("createIdentity", "identity { id }", name="rev", kind="HUMAN", email="r@example.test")
    token = await repo.client.done(
        "issueToken", "secret", identityId=who["identity"]["id"], name="t", scopes=["REPOSITORIES_WRITE"]
    )
    return Pull(repo, Client(repo.client.slipway, token["secret"]), made["pullRequest"]["id"])


async def test_checks_complete_by_themselves(pull: Pull) -> None:
    seen = await pull.settle()
    assert (seen["number"], seen["mergeability"], seen["checksStatus"]) == (1, "MERGEABLE", "FAILED")
    assert {check["name"]: check["summary"] for check in seen["checks"]["nodes"]} == {
        "mergeability": "merges cleanly", "reviews": "0 of 1 approvals",
    }  # fmt: skip
    await pull.review("APPROVE", seen["sourceSha"])
    assert (await pull.settle())["checksStatus"] == "PASSED"


@pytest.mark.parametrize(("method", "parents"), [("MERGE", 2), ("SQUASH", 1), ("FAST_FORWARD", 1)])
async def test_an_approved_pull_request_merges_each_way(pull: Pull, method: str, parents: int) -> None:
    sha = (await pull.settle())["sourceSha"]
    await pull.review("APPROVE", sha)
    merged = await pull.merge(sha, method=method)
    assert merged["errors"] == []
    head = pull.repo.git("rev-parse", "main")
    assert (merged["pullRequest"]["status"], merged["pullRequest"]["mergeSha"]) == ("MERGED", head)
    assert len(pull.repo.git("rev-list", "--parents", "-1", "main").split()) == parents + 1
    assert pull.repo.git("show", "main:feature.txt") == "x"
    assert "PullRequestMerged" in [event["eventType"] for event in merged["events"]]
    assert (await pull.repo.branch("main"))["headSha"] == head
    async with pull.repo.client.slipway.database.reading(pull.repo.access) as session:
        node = UUID(hex=pull.id.split("-")[1])
        queries = LineageQueries(session, pull.repo.access)
        down = [edge.kind for edge in await queries.edges([node], downstream=True, limit=9)]
        up = [edge.kind for edge in await queries.edges([node], downstream=False, limit=9)]
        moves = await read(session, pull.repo.access, after=0, wanted=EventFilter(types=("BranchUpdated",)), limit=99)
    assert (moves[-1].payload["headSha"], moves[-1].payload["openPullRequests"]) == (head, 0)
    assert (up, down) == (["PROPOSED_IN"], ["MERGED_AS"])
    await pull.repo.log_is_whole()


async def test_of_two_racing_merges_one_wins(pull: Pull) -> None:
    sha = (await pull.settle())["sourceSha"]
    await pull.review("APPROVE", sha)
    done = await asyncio.gather(*(pull.merge(sha) for _ in range(4)))
    assert sorted(one["errors"][0]["code"] if one["errors"] else "" for one in done) == ["", *["CONFLICT"] * 3]
    assert pull.repo.git("rev-list", "--count", "--merges", "main") == "1"


async def test_reviews_are_stale_once_the_source_moves(pull: Pull) -> None:
    sha = (await pull.settle())["sourceSha"]
    await pull.review("APPROVE", sha)
    await pull.repo.commit("more.txt")
    refused = await pull.merge(sha)
    assert refused["errors"][0]["code"] == "CONFLICT"
    seen = await pull.settle()
    assert [review["isStale"] for review in seen["reviews"]["nodes"]] == [True]
    assert (await pull.merge(seen["sourceSha"]))["errors"][0]["code"] == "PRECONDITION_FAILED"
    assert (await pull.review("APPROVE", sha))["errors"][0]["code"] == "CONFLICT"


async def test_nobody_approves_their_own(pull: Pull) -> None:
    sha = (await pull.settle())["sourceSha"]
    refused = await pull.review("APPROVE", sha, pull.repo.client)
    assert refused["errors"][0]["code"] == "POLICY_DENIED"


async def test_an_objection_holds_the_merge_until_it_is_withdrawn(pull: Pull) -> None:
    sha = (await pull.settle())["sourceSha"]
    await pull.review("REQUEST_CHANGES", sha)
    assert (await pull.merge(sha))["errors"][0]["code"] == "PRECONDITION_FAILED"
    await pull.review("APPROVE", sha)
    assert (await pull.merge(sha))["errors"] == []


async def test_a_conflict_names_its_paths_and_does_not_merge(pull: Pull) -> None:
    await pull.repo.client.done("createBranch", "branch { id }", repositoryId=pull.repo.id, name="rival")
    await pull.repo.commit("feature.txt", "rival\n", branch="rival")
    rival = await pull.repo.client.done(
        "openPullRequest", FIELDS, repositoryId=pull.repo.id, sourceBranch="rival", title="Rival"
    )
    other = Pull(pull.repo, pull.reviewer, rival["pullRequest"]["id"])
    for one in (pull, other):
        await one.review("APPROVE", (await one.settle())["sourceSha"])
    assert (await pull.merge((await pull.settle())["sourceSha"]))["errors"] == []
    seen = await other.settle()
    assert (seen["mergeability"], seen["conflicts"], seen["checksStatus"]) == (
        "CONFLICTING", ["feature.txt"], "FAILED",
    )  # fmt: skip
    assert "feature.txt" in (await other.merge(seen["sourceSha"]))["errors"][0]["message"]


async def test_a_closed_one_neither_merges_nor_takes_reviews(pull: Pull) -> None:
    sha = (await pull.settle())["sourceSha"]
    closed = await pull.repo.client.done("closePullRequest", FIELDS, pullRequestId=pull.id)
    assert closed["pullRequest"]["status"] == "CLOSED"
    for refused in (await pull.merge(sha), await pull.review("APPROVE", sha)):
        assert refused["errors"][0]["code"] == "PRECONDITION_FAILED"


async def test_a_second_one_for_the_same_branches_is_refused(pull: Pull) -> None:
    fields = {"repositoryId": pull.repo.id, "sourceBranch": "work", "title": "again"}
    refused = await pull.repo.client.do("openPullRequest", FIELDS, **fields)
    assert refused["errors"][0]["code"] == "CONFLICT"


async def test_another_tenant_reaches_none_of_it(pull: Pull, operator: Client) -> None:
    other = await operator.tenant("other")
    sha = "0" * 40
    for mutation, rest in (
        ("reviewPullRequest", {"verdict": "APPROVE", "sourceSha": sha}),
        ("mergePullRequest", {"expectedSourceSha": sha}),
        ("closePullRequest", {}),
    ):
        refused = await other.do(mutation, FIELDS, pullRequestId=pull.id, **rest)
        assert refused["errors"][0]["code"] == "NOT_FOUND"
    query = "query($id: ID!, $repo: ID!) { node(id: $id) { id } pullRequest(repository: $repo, number: 1) { id } }"
    assert await other.ask(query, id=pull.id, repo=pull.repo.id) == {"node": None, "pullRequest": None}
