"""What journeys through pipelines begin with: a module whose repository stands, and a file that is merged into it."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from tests.e2e.served import ServedClient

RUN = """query($id: ID!) { node(id: $id) { ... on PipelineRun {
    id number status failureReason failure reason attempt branch commitSha version
    stages { name status explanation jobs { name status explanation
        steps { number name displayName status explanation exitCode durationMs } } } } } }"""
CHECKS = """query($id: ID!) { node(id: $id) { ... on PullRequest { checksStatus } } }"""
STANDS = """query($id: ID!) { node(id: $id) { ... on Repository {
    status defaultBranch pipeline { id path yaml } branch(name: "main") { headSha } } } }"""


@dataclass(frozen=True)
class Built:
    """One repository with its pipeline."""

    admin: ServedClient
    project: str
    module: str
    repository: str
    pipeline: str

    async def commit(self, branch: str, files: dict[str, str]) -> str:
        """The sha; the branch is made from main where it is absent."""
        made = await self.admin.do("createBranch", "branch { id }", repositoryId=self.repository, name=branch)
        assert [error["code"] for error in made["errors"]] in ([], ["CONFLICT"])
        changes = [{"path": path, "content": content} for path, content in files.items()]
        made = await self.admin.done(
            "createCommit", "commit { sha }", repositoryId=self.repository, branch=branch, message="m", changes=changes
        )
        return str(made["commit"]["sha"])

    async def merge(self, branch: str, sha: str, method: str = "MERGE") -> tuple[str, str]:
        """The pull request's id and the sha of main."""
        opened = await self.admin.done(
            "openPullRequest", "pullRequest { id }", repositoryId=self.repository, sourceBranch=branch, title="t"
        )
        id = opened["pullRequest"]["id"]
        deadline = time.monotonic() + 20
        while (await self.admin.ask(CHECKS, id=id))["node"]["checksStatus"] != "PASSED":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        fields = {"pullRequestId": id, "expectedSourceSha": sha, "method": method}
        made = await self.admin.done("mergePullRequest", "pullRequest { mergeSha }", **fields)
        return id, str(made["pullRequest"]["mergeSha"])

    async def merged(self, yaml: str, files: dict[str, str] | None = None) -> str:
        """The sha of main once this pipeline is merged."""
        sha = await self.commit("work", {"azure-pipelines.yml": yaml} | (files or {}))
        return (await self.merge("work", sha))[1]

    async def runs(self) -> list[dict[str, Any]]:
        query = """query($id: ID!) { node(id: $id) { ... on PipelineDefinition { runs {
            nodes { id number status reason attempt branch commitSha failureReason } } } } }"""
        found = (await self.admin.ask(query, id=self.pipeline))["node"]["runs"]["nodes"]
        return list(found)

    async def run(self, id: str) -> dict[str, Any]:
        return dict((await self.admin.ask(RUN, id=id))["node"])

    async def run_at(self, sha: str, reason: str = "TRIGGER") -> str:
        """The id of the run at a commit, as soon as it is queued."""
        deadline = time.monotonic() + 20
        while True:
            found = [one["id"] for one in await self.runs() if (one["commitSha"], one["reason"]) == (sha, reason)]
            if found:
                return str(found[0])
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def until(self, id: str, *statuses: str, seconds: float = 40) -> dict[str, Any]:
        """The run once it has one of these statuses; any finished one without."""
        wanted = statuses or ("SUCCEEDED", "SUCCEEDED_WITH_ISSUES", "FAILED", "CANCELED")
        deadline = time.monotonic() + seconds
        while (run := await self.run(id))["status"] not in wanted:
            assert time.monotonic() < deadline, run
            await asyncio.sleep(0.05)
        return run


async def built(admin: ServedClient, language: str = "PYTHON") -> Built:
    """A module registered and its repository provisioned; merges need no review."""
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    fields = {"name": "m", "kind": "LIBRARY", "language": language, "baseVersion": "1.4"}
    module = (await admin.done("registerModule", "module { id }", projectId=project, **fields))["module"]["id"]
    asked = await admin.done("provisionRepository", "repository { id }", moduleId=module, requiredReviews=0)
    repository = asked["repository"]["id"]
    deadline = time.monotonic() + 20
    while (found := (await admin.ask(STANDS, id=repository))["node"])["status"] != "PROVISIONED":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return Built(admin, project, module, repository, found["pipeline"]["id"])
