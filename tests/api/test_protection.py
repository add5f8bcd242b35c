"""protectBranch: what it holds, what it costs, and who may loosen it."""

from typing import Any

import pytest

from tests.api.conftest import Client
from tests.api.test_commits import Repo, repo
from tests.api.test_pull_requests import Pull, pull

__all__ = ["pull", "repo"]
FIELDS = "branch { name isProtected requiredReviews }"


async def protect(repo: Repo, client: Client | None = None, **fields: Any) -> dict[str, Any]:
    return await (client or repo.client).do("protectBranch", FIELDS, repositoryId=repo.id, **fields)


async def writer(client: Client) -> Client:
    who = await client.done("createIdentity", "identity { id }", name="w", kind="HUMAN", email="w@example.test")
    fields = {"identityId": who["identity"]["id"], "name": "t", "scopes": ["REPOSITORIES_WRITE"]}
    return Client(client.slipway, (await client.done("issueToken", "secret", **fields))["secret"])


async def test_a_protected_branch_takes_no_commits_until_it_is_loosened(repo: Repo) -> None:
    made = await protect(repo, name="work", requiredReviews=2)
    assert made["branch"] == {"name": "work", "isProtected": True, "requiredReviews": 2}
    assert [event["eventType"] for event in made["events"]] == ["BranchProtected"]
    refused = await repo.commit("x")
    assert [error["code"] for error in refused["errors"]] == ["POLICY_DENIED"]
    assert (await protect(repo, name="work"))["events"] == []
    loose = await protect(repo, name="work", isProtected=False)
    assert loose["branch"] == {"name": "work", "isProtected": False, "requiredReviews": None}
    assert (await repo.commit("x"))["errors"] == []


async def test_whoever_may_write_tightens_and_only_an_admin_loosens(repo: Repo) -> None:
    held = await writer(repo.client)
    assert (await protect(repo, held, name="main", requiredReviews=2))["errors"] == []
    before = await repo.log_is_whole()
    for looser in ({"requiredReviews": 1}, {"requiredReviews": None}, {"isProtected": False}):
        refused = await protect(repo, held, name="main", **looser)
        assert [error["code"] for error in refused["errors"]] == ["FORBIDDEN"]
        assert refused["branch"] is None
    assert await repo.log_is_whole() == before
    assert (await protect(repo, name="main", requiredReviews=None))["branch"]["requiredReviews"] is None


async def test_the_branch_overrides_the_repository_in_checks_blockers_and_merges(pull: Pull) -> None:
    sha = (await pull.settle())["sourceSha"]
    await pull.review("APPROVE", sha)
    assert (await pull.settle())["checksStatus"] == "PASSED"
    await protect(pull.repo, name="main", requiredReviews=2)
    assert (await pull.settle())["checksStatus"] == "FAILED"
    refused = await pull.merge(sha)
    assert [error["code"] for error in refused["errors"]] == ["PRECONDITION_FAILED"]
    query = "query($id: ID!) { node(id: $id) { ... on PullRequest { blockers { why } } } }"
    assert (await pull.repo.client.ask(query, id=pull.id))["node"]["blockers"] == [
        {"why": "the pull request has 1 of 2 approvals"}
    ]
    await protect(pull.repo, name="main", requiredReviews=1)
    assert (await pull.settle())["checksStatus"] == "PASSED"
    assert (await pull.merge(sha))["errors"] == []


async def test_an_unprotected_target_needs_no_reviews(pull: Pull) -> None:
    await protect(pull.repo, name="main", isProtected=False)
    seen = await pull.settle()
    assert seen["checksStatus"] == "PASSED"
    assert (await pull.merge(seen["sourceSha"]))["errors"] == []


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"name": "absent"}, "NOT_FOUND", "name"),
        ({"name": "work", "requiredReviews": 11}, "INVALID_INPUT", "requiredReviews"),
        ({"name": "work", "requiredReviews": -1}, "INVALID_INPUT", "requiredReviews"),
        ({"name": "work", "isProtected": False, "requiredReviews": 1}, "INVALID_INPUT", "requiredReviews"),
        ({"name": "work", "repositoryId": "repo-" + "0" * 32}, "NOT_FOUND", "repositoryId"),
        ({"name": "work", "repositoryId": "br-" + "0" * 32}, "INVALID_INPUT", "repositoryId"),
    ],
)
async def test_what_cannot_be_protected_changes_nothing(
    repo: Repo, fields: dict[str, Any], code: str, field: str
) -> None:
    before = await repo.log_is_whole()
    refused = await repo.client.do("protectBranch", FIELDS, **({"repositoryId": repo.id} | fields))
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [(code, field)]
    assert await repo.log_is_whole() == before
    assert (await repo.branch())["isProtected"] is False


async def test_no_branch_behind_a_wall_is_protected(repo: Repo, operator: Client) -> None:
    other = await operator.tenant("other")
    mine = (await repo.client.done("createProject", "project { id }", name="mine"))["project"]["id"]
    limited = await repo.client.limited(mine, ["REPOSITORIES_WRITE", "ADMIN"])
    for stranger in (other, limited):
        told = []
        for id in (repo.id, "repo-" + "0" * 32):
            refused = await stranger.do("protectBranch", FIELDS, repositoryId=id, name="work")
            told.append([(e["code"], e["message"].replace(id, "ID")) for e in refused["errors"]])
        assert told[0] == told[1]
        assert [code for code, _ in told[0]] == ["NOT_FOUND"]
