"""PipelineGenerationWorker by hand: one proposal a pipeline, merges recorded, what people wrote left alone."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Client, admin, operator
from tests.api.test_commits import Repo, repo
from tests.workers.test_pipeline_monitor import Monitored, monitored

pytestmark = pytest.mark.both_databases

__all__ = ["Client", "Repo", "admin", "monitored", "operator", "repo"]
NAME = "PipelineGenerationWorker"
FOUND = """query($id: ID!) { node(id: $id) { ... on Repository {
    pipeline { yaml module { id } } branches { nodes { name headSha } }
    pullRequests { nodes { id title body status sourceBranch sourceSha author { name } } } } } }"""


class Generated:
    """A module's repository whose worker runs when the test says so."""

    def __init__(self, monitored: Monitored) -> None:
        self.monitored, self.repo, self.client = monitored, monitored.repo, monitored.client

    async def found(self) -> dict[str, Any]:
        return dict((await self.client.ask(FOUND, id=self.repo.id))["node"])

    async def update(self, **fields: Any) -> None:
        """Changes the module and delivers that, twice at once and again."""
        module = (await self.found())["pipeline"]["module"]["id"]
        await self.client.done("updateModule", "module { id }", moduleId=module, **fields)
        await self.deliver("ModuleUpdated")

    async def deliver(self, type_: str) -> None:
        runtime = self.client.slipway.workers.runtime
        for row in await self.monitored.events(type_):
            await asyncio.gather(*(runtime.run(NAME, row.event_id.hex, 1) for _ in range(2)))
            assert await runtime.run(NAME, row.event_id.hex, 1) is None

    async def proposals(self) -> list[dict[str, Any]]:
        nodes = (await self.found())["pullRequests"]["nodes"]
        return [node for node in nodes if node["sourceBranch"] == "slipway/pipeline"]

    def file(self, at: str) -> str:
        return self.repo.git("show", f"{at}:azure-pipelines.yml")

    async def merge(self, id: str) -> None:
        runtime = self.client.slipway.workers.runtime
        for row in await self.monitored.events("PullRequestOpened", "BranchUpdated"):
            await runtime.run("PullRequestCheckWorker", row.event_id.hex, 1)
        query = "query($id: ID!) { node(id: $id) { ... on PullRequest { sourceSha } } }"
        sha = (await self.client.ask(query, id=id))["node"]["sourceSha"]
        fields = {"pullRequestId": id, "expectedSourceSha": sha}
        await self.client.done("mergePullRequest", "pullRequest { id }", **fields)
        await self.deliver("PullRequestMerged")


@pytest.fixture
async def generated(monitored: Monitored) -> Generated:
    fields = {"repositoryId": monitored.repo.id, "name": "main", "requiredReviews": 0}
    await monitored.client.done("protectBranch", "branch { id }", **fields)
    return Generated(monitored)


async def test_a_change_of_metadata_is_proposed_once_by_who_made_it(generated: Generated) -> None:
    await generated.update(packageName="new-name")
    (proposal,) = await generated.proposals()
    assert (proposal["status"], proposal["title"]) == ("OPEN", "Make the pipeline anew from the module's metadata")
    assert "(package_name)" in proposal["body"]
    assert "packageName: 'new-name'" in generated.file("slipway/pipeline")
    assert "packageName" not in generated.file("main")
    assert "packageName" not in (await generated.found())["pipeline"]["yaml"]


async def test_a_second_change_moves_the_same_proposal_on_and_taking_it_back_closes_it(generated: Generated) -> None:
    await generated.update(packageName="first")
    await generated.update(packageName="second")
    (proposal,) = await generated.proposals()
    assert "packageName: 'second'" in generated.file("slipway/pipeline")
    await generated.update(packageName=None)
    assert [(one["id"], one["status"]) for one in await generated.proposals()] == [(proposal["id"], "CLOSED")]


async def test_what_is_merged_is_recorded_and_the_next_proposal_stands_on_it(generated: Generated) -> None:
    await generated.update(packageName="first")
    await generated.merge((await generated.proposals())[0]["id"])
    assert (await generated.found())["pipeline"]["yaml"].strip() == generated.file("main")
    assert len(await generated.monitored.events("PipelineGenerated")) == 2
    await generated.update(packageName="second")
    assert [one["status"] for one in await generated.proposals()] == ["MERGED", "OPEN"]
    assert generated.repo.git("merge-base", "main", "slipway/pipeline") == generated.repo.git("rev-parse", "main")


async def test_a_file_that_people_changed_is_left_alone(generated: Generated) -> None:
    await generated.monitored.file("steps: [{script: make}]\n")
    fields = {"repositoryId": generated.repo.id, "sourceBranch": "work", "title": "t"}
    made = await generated.client.done("openPullRequest", "pullRequest { id }", **fields)
    await generated.merge(made["pullRequest"]["id"])
    assert (await generated.found())["pipeline"]["yaml"] == "steps: [{script: make}]\n"
    assert len(await generated.monitored.events("PipelineGenerated")) == 1
    await generated.update(packageName="new-name")
    assert await generated.proposals() == []
    assert "slipway/pipeline" not in [one["name"] for one in (await generated.found())["branches"]["nodes"]]
