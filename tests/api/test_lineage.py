"""Lineage through the API: the whole story both ways, within depth, bounds and walls."""

from typing import Any

import pytest

from tests.api.conftest import Client
from tests.api.test_commits import Repo, repo
from tests.api.test_pull_requests import Pull, pull

pytestmark = pytest.mark.both_databases

__all__ = ["pull", "repo"]
STORY = "nodes { __typename id } edges { type from to createdAt eventId } truncated"
AROUND = "query($id: ID!, $way: LineageDirection!, $depth: Int!, $first: Int!)"
AROUND += f"{{ lineage(id: $id, direction: $way, depth: $depth, first: $first) {{ {STORY} }} }}"
PATH = f"query($from: ID!, $to: ID!, $depth: Int!) {{ lineagePath(from: $from, to: $to, depth: $depth) {{ {STORY} }} }}"
EMPTY = {"nodes": [], "edges": [], "truncated": False}


async def around(client: Client, id: str, way: str = "BOTH", depth: int = 16, first: int = 100) -> Any:
    return (await client.ask(AROUND, id=id, way=way, depth=depth, first=first))["lineage"]


async def path(client: Client, start: str, goal: str, depth: int = 16) -> Any:
    return (await client.ask(PATH, **{"from": start, "to": goal, "depth": depth}))["lineagePath"]


def kinds(story: Any) -> list[str]:
    return [edge["type"] for edge in story["edges"]]


class Told:
    """An artifact that was committed, proposed and merged; the ids of each step in order, and its events."""

    def __init__(self, client: Client, project: str, steps: list[str], events: list[str]) -> None:
        self.client, self.project, self.steps, self.events = client, project, steps, events


@pytest.fixture
async def told(pull: Pull) -> Told:
    """The pull request of ``pull`` gets a commit that was made from an artifact, and is merged."""
    repo: Repo = pull.repo
    fields = {"projectId": repo.project, "producer": "p", "name": "a"}
    artifact = (await repo.client.done("registerArtifact", "artifact { id }", **fields))["artifact"]["id"]
    made = await repo.commit("b.txt", artifactId=artifact)
    sha = (await pull.settle())["sourceSha"]
    await pull.review("APPROVE", sha)
    merged = await pull.merge(sha)
    query = "query($id: ID!) { node(id: $id) { ... on PullRequest { mergeCommit { id } } } }"
    tip = (await repo.client.ask(query, id=pull.id))["node"]["mergeCommit"]["id"]
    events = [
        next(event["eventId"] for event in done["events"] if event["eventType"] == kind)
        for done, kind in ((made, "CommitCreated"), (merged, "PullRequestMerged"))
    ]
    return Told(repo.client, repo.project, [artifact, made["commit"]["id"], pull.id, tip], events)


async def test_the_whole_story_is_told_both_ways(told: Told) -> None:
    artifact, commit, pull_request, merge = told.steps
    down = await around(told.client, artifact, "DOWNSTREAM")
    assert [(node["__typename"], node["id"]) for node in down["nodes"]] == [
        ("Artifact", artifact), ("Commit", commit), ("PullRequest", pull_request), ("Commit", merge),
    ]  # fmt: skip
    assert [(edge["type"], edge["from"], edge["to"]) for edge in down["edges"]] == [
        ("COMMITTED_AS", artifact, commit),
        ("PROPOSED_IN", commit, pull_request),
        ("MERGED_AS", pull_request, merge),
    ]
    up = await around(told.client, merge, "UPSTREAM")
    assert [node["id"] for node in up["nodes"]][:2] == [merge, pull_request]
    assert {node["id"] for node in up["nodes"]} > set(told.steps)  # and the commit that the pull request began with
    assert (await around(told.client, merge, "DOWNSTREAM"))["edges"] == []
    both = await around(told.client, pull_request)
    assert {node["id"] for node in both["nodes"]} == {node["id"] for node in up["nodes"]}
    assert (down["truncated"], up["truncated"], both["truncated"]) == (False, False, False)


async def test_an_edge_names_the_event_that_it_was_written_with(told: Told) -> None:
    edges = (await around(told.client, told.steps[0], "DOWNSTREAM"))["edges"]
    assert [edges[0]["eventId"], edges[2]["eventId"]] == told.events
    query = "query($id: ID!) { lineage(id: $id) { edges { createdAt } } }"
    assert all(edge["createdAt"].endswith("Z") for edge in edges)
    assert (await told.client.ask(query, id=told.steps[0]))["lineage"]["edges"][0]["createdAt"] == edges[0]["createdAt"]


async def test_depth_and_first_bound_the_answer_and_only_first_truncates(told: Told) -> None:
    artifact = told.steps[0]
    near = await around(told.client, artifact, "DOWNSTREAM", depth=2)
    assert (kinds(near), near["truncated"]) == (["COMMITTED_AS", "PROPOSED_IN"], False)
    few = await around(told.client, artifact, "DOWNSTREAM", first=2)
    assert ([node["id"] for node in few["nodes"]], kinds(few), few["truncated"]) == (
        told.steps[:2], ["COMMITTED_AS"], True,
    )  # fmt: skip


async def test_a_path_is_found_from_either_end_and_within_its_depth(told: Told) -> None:
    artifact, *_, merge = told.steps
    there, back = await path(told.client, artifact, merge), await path(told.client, merge, artifact)
    assert [node["id"] for node in there["nodes"]] == told.steps
    assert [node["id"] for node in back["nodes"]] == told.steps[::-1]
    assert kinds(there) == kinds(back)[::-1] == ["COMMITTED_AS", "PROPOSED_IN", "MERGED_AS"]
    assert await path(told.client, artifact, merge, depth=2) == EMPTY
    alone = await path(told.client, artifact, artifact)
    assert (alone["nodes"], alone["edges"]) == ([{"__typename": "Artifact", "id": artifact}], [])
    assert await path(told.client, artifact, told.project) == EMPTY


async def test_what_has_no_edges_is_told_alone(told: Told) -> None:
    assert await around(told.client, told.project) == EMPTY | {"nodes": [{"__typename": "Project", "id": told.project}]}


async def test_foreign_and_absent_look_the_same(told: Told, operator: Client) -> None:
    other = await operator.tenant("other")
    mine = (await other.done("createProject", "project { id }", name="mine"))["project"]["id"]
    for id in told.steps:
        absent = id.split("-")[0] + "-" + "0" * 32
        assert await around(other, id) == await around(other, absent) is None
        for ends in ((mine, id), (id, mine), (id, id), (told.steps[0], told.steps[-1])):
            assert await path(other, *ends) == EMPTY


async def test_a_limited_token_sees_its_projects_story_whole(told: Told) -> None:
    inside = await told.client.limited(told.project, ["READ"])
    ends = told.steps[0], told.steps[-1]
    assert await around(inside, told.steps[2]) == await around(told.client, told.steps[2])
    assert await path(inside, *ends) == await path(told.client, *ends) != EMPTY


async def test_a_limited_token_sees_nothing_of_another_projects_story(told: Told) -> None:
    elsewhere = (await told.client.done("createProject", "project { id }", name="elsewhere"))["project"]["id"]
    outside = await told.client.limited(elsewhere, ["READ"])
    assert [await around(outside, id) for id in told.steps] == [None] * 4
    assert await path(outside, told.steps[0], told.steps[-1]) == EMPTY


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("lineage(id: $id, depth: 17)", "depth", "depth is 1 to 16, not 17"),
        ("lineage(id: $id, depth: 0)", "depth", "depth is 1 to 16, not 0"),
        ("lineage(id: $id, first: 501)", "first", "first is 1 to 500, not 501"),
        ("lineagePath(from: $id, to: $id, depth: 17)", "depth", "depth is 1 to 16, not 17"),
        ('lineagePath(from: $id, to: "x")', "to", "to: 'x' is not an id"),
        ('lineage(id: "x")', "id", "id: 'x' is not an id"),
    ],
)
async def test_what_is_out_of_bounds_says_what_would_pass(told: Told, query: str, field: str, message: str) -> None:
    asked = f"query($id: ID!) {{ node(id: $id) {{ id }} {query} {{ truncated }} }}"
    (error,) = (await told.client.raw(asked, {"id": told.steps[0]})).json()["errors"]
    assert (error["extensions"]["code"], error["extensions"].get("field")) == ("INVALID_INPUT", field)
    assert error["message"].startswith(message)


async def test_the_price_follows_how_many_nodes_are_asked_for(told: Told) -> None:
    fields = "nodes { id } edges { type from to createdAt eventId }"
    costly = " ".join(f'{name}: lineage(id: "{told.steps[0]}", first: 500) {{ {fields} }}' for name in "abcd")
    (error,) = (await told.client.raw(f"{{ {costly} }}")).json()["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["extensions"]["value"] == 4 * (2 + 500 * (3 + 4 * 7))
