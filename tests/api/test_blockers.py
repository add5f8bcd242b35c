"""What a pull request lacks: who could give it, by which mutation, and that doing so opens the gate."""

from typing import Any
from uuid import UUID

from storage.queries.rows import Rows
from storage.tables.source_control import BranchRow
from tests.api.conftest import Client
from tests.api.test_commits import Repo, repo
from tests.api.test_pull_requests import Pull, pull
from tests.api.test_reading import behind_our_back, statements

__all__ = ["pull", "repo"]
TREE = "gate why who remedy { mutation arguments } blockers { gate why who remedy { mutation } blockers { gate } }"


async def blockers(pull: Pull) -> list[dict[str, Any]]:
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on PullRequest {{ blockers {{ {TREE} }} }} }} }}"
    found: list[dict[str, Any]] = (await pull.repo.client.ask(query, id=pull.id))["node"]["blockers"]
    return found


async def carry_out(client: Client, remedy: dict[str, Any], **more: Any) -> None:
    done = await client.do(remedy["mutation"], "errors { code }", **(remedy["arguments"] | more))
    assert done["errors"] == []


async def test_the_gates_open_one_after_another_until_it_merges(pull: Pull) -> None:
    (checks, reviews) = await blockers(pull)
    assert (checks["gate"], checks["who"], checks["remedy"]) == (
        "CHECKS", "PullRequestCheckWorker, by itself", None,
    )  # fmt: skip
    sha = (await pull.settle())["sourceSha"]
    assert await blockers(pull) == [reviews]
    assert reviews == {
        "gate": "REVIEWS",
        "why": "the pull request has 0 of 1 approvals",
        "who": "any identity with devops.repositories.write but its author",
        "remedy": {
            "mutation": "reviewPullRequest",
            "arguments": {"pullRequestId": pull.id, "verdict": "APPROVE", "sourceSha": sha},
        },
        "blockers": [],
    }
    await carry_out(pull.reviewer, reviews["remedy"])
    assert await blockers(pull) == []
    assert (await pull.merge(sha))["errors"] == []
    assert [(one["gate"], one["why"], one["who"]) for one in await blockers(pull)] == [
        ("STATUS", "the pull request is MERGED", "nobody")
    ]


async def test_an_objection_is_told_with_the_one_who_raised_it(pull: Pull) -> None:
    sha = (await pull.settle())["sourceSha"]
    await pull.review("REQUEST_CHANGES", sha)
    (reviews,) = await blockers(pull)
    assert reviews["why"] == "the pull request has 0 of 1 approvals, 1 asking for changes"
    assert reviews["blockers"] == [
        {
            "gate": "REVIEWS",
            "why": "rev asks for changes",
            "who": "rev",
            "remedy": {"mutation": "reviewPullRequest"},
            "blockers": [],
        }
    ]


async def test_a_conflict_is_told_with_the_commit_that_would_resolve_it(pull: Pull) -> None:
    repo = pull.repo
    await repo.client.done("createBranch", "branch { id }", repositoryId=repo.id, name="rival")
    await repo.commit("feature.txt", "rival\n", branch="rival")
    fields = {"repositoryId": repo.id, "sourceBranch": "rival", "title": "Rival"}
    made = await repo.client.done("openPullRequest", "pullRequest { id }", **fields)
    other = Pull(repo, pull.reviewer, made["pullRequest"]["id"])
    for one in (pull, other):
        await one.review("APPROVE", (await one.settle())["sourceSha"])
    assert (await pull.merge((await pull.settle())["sourceSha"]))["errors"] == []
    await other.settle()
    (conflict,) = await blockers(other)
    assert (conflict["gate"], conflict["why"]) == ("MERGEABILITY", "both branches changed feature.txt")
    changes = [{"path": path["path"], "content": "x\n"} for path in conflict["remedy"]["arguments"]["changes"]]
    await carry_out(repo.client, conflict["remedy"], changes=changes, message="Take the other side")
    await other.settle()
    assert [one["gate"] for one in await blockers(other)] == ["REVIEWS"]


async def test_a_closed_one_can_be_opened_again(pull: Pull) -> None:
    await pull.repo.client.done("closePullRequest", "pullRequest { id }", pullRequestId=pull.id)
    (closed,) = await blockers(pull)
    assert closed["why"] == "the pull request is CLOSED"
    await carry_out(pull.repo.client, closed["remedy"])


async def test_a_branch_that_is_gone_is_told_and_can_be_made_again(pull: Pull) -> None:
    await pull.settle()
    sha = pull.repo.git("rev-parse", "work")
    await vanish(pull.repo, "work")
    (gone,) = await blockers(pull)
    assert (gone["gate"], gone["why"]) == ("BRANCHES", "the source branch 'work' is deleted")
    assert gone["remedy"]["arguments"] == {"repositoryId": pull.repo.id, "name": "work", "fromSha": sha}
    await carry_out(pull.repo.client, gone["remedy"])
    assert [one["gate"] for one in await blockers(pull)] == ["REVIEWS"]


async def vanish(repo: Repo, name: str) -> UUID:
    """The branch goes in the very moment that its pull request was opened, which deleteBranch could not see."""
    repo.git("update-ref", "-d", f"refs/heads/{name}")
    async with repo.client.slipway.database.writing(repo.access) as session:
        rows = Rows(session, repo.access)
        row = await rows.find(BranchRow, name=name)
        assert row is not None
        await rows.delete(row)
        await session.commit()
    return row.id


async def test_an_archived_repository_blocks(pull: Pull) -> None:
    await pull.repo.client.done("archiveRepository", "repository { id }", repositoryId=pull.repo.id)
    assert [(one["gate"], one["who"]) for one in await blockers(pull)] == [("REPOSITORY", "nobody")]


async def test_blockers_cost_the_same_statements_at_1_and_20(pull: Pull) -> None:
    repo = pull.repo
    for number in range(19):
        await repo.client.done("createBranch", "branch { id }", repositoryId=repo.id, name=f"b{number}")
        sha = (await repo.commit(f"f{number}", branch=f"b{number}"))["commit"]["sha"]
        fields = {"repositoryId": repo.id, "sourceBranch": f"b{number}", "title": "t"}
        made = await repo.client.done("openPullRequest", "pullRequest { id }", **fields)
        await Pull(repo, pull.reviewer, made["pullRequest"]["id"]).review("REQUEST_CHANGES", sha)
    await pull.review("COMMENT", (await pull.settle())["sourceSha"])
    counts = []
    for size in (1, 20):
        async with statements(repo) as said:
            query = f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ pullRequests(first: {size}) {{ nodes {{"
            answer = await repo.client.ask(query + " blockers { gate blockers { who } } } } } } }", id=repo.id)
        assert len(answer["node"]["pullRequests"]["nodes"]) == size
        counts.append(len(said))
    assert counts[0] == counts[1]


async def test_every_commit_that_is_proposed_is_linked_also_what_nobody_recorded(pull: Pull) -> None:
    query = """query($id: ID!) { node(id: $id) { ... on PullRequest { commits { totalCount nodes { sha
        pullRequests { nodes { number } } } } } } }"""
    await pull.settle()
    first = pull.repo.git("rev-parse", "work")
    assert [one["sha"] for one in (await pull.repo.client.ask(query, id=pull.id))["node"]["commits"]["nodes"]] == [
        first
    ]
    late = behind_our_back(pull.repo, "work", 5, first)
    last = (await pull.repo.commit("more"))["commit"]["sha"]
    await pull.settle()
    proposed = (await pull.repo.client.ask(query, id=pull.id))["node"]["commits"]
    assert proposed["totalCount"] == 7
    assert {one["sha"] for one in proposed["nodes"]} == {first, last, *late}
    assert {one["pullRequests"]["nodes"][0]["number"] for one in proposed["nodes"]} == {1}
    await pull.repo.log_is_whole()
