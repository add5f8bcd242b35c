"""BuildIngestionWorker by hand: what runs put out, recorded once however often it is told."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from providers.blobs.store import BlobKey
from storage.tables.scoped import now
from tests.api.conftest import admin, operator
from tests.api.test_commits import Repo, repo
from tests.workers.test_pipeline_monitor import Monitored
from workers.blob_sweep import BlobSweep

pytestmark = pytest.mark.both_databases

__all__ = ["admin", "operator", "repo"]
NAME = "BuildIngestionWorker"
YAML = """trigger: [work]
steps:
- script: mv given/* .
- task: PublishTestResults@2
  inputs: {testRunTitle: Unit}
- task: PublishCodeCoverageResults@2
  inputs: {summaryFileLocation: coverage.xml}
- publish: dist
  artifact: dist
"""
JUNIT = """<testsuite><testcase classname="s" name="good" time="0.5"/><testcase classname="s" name="bad">
<failure message="no">trace</failure></testcase><testcase classname="s" name="later"><skipped/></testcase>
</testsuite>"""
COVERAGE = """<coverage><class filename="a.py"><lines><line number="1" hits="1"/><line number="2" hits="0"/></lines>
</class><class filename="b.py"><lines><line number="9" hits="0" condition-coverage="50% (1/2)"/></lines></class>
</coverage>"""
PASSING = JUNIT.replace('<failure message="no">trace</failure>', "")
GIVEN = {"given/TEST-a.xml": JUNIT, "given/coverage.xml": COVERAGE, "given/dist/x.whl": "wheel"}
RESULT = """id status durationMs branch commitSha problems module { name } pipelineRun { id number }
    tests { total passed failed skipped }
    coverage { files linesCovered lines branchesCovered branches lineRate }
    artifacts(first: 5) { nodes { id kind name path digest size uri } }
    testResults(first: 5) { nodes { number suite name outcome durationMs message stack testCase { runs flaky } } }
    files(first: 5) { nodes { path linesCovered lines branchesCovered branches } }"""
RUNS = f"{{ pipelineRuns(first: 5) {{ nodes {{ id buildResult {{ {RESULT} }} }} }} }}"


class Ingesting(Monitored):
    """Runs, and then what they came to."""

    async def run(self, files: dict[str, str]) -> None:
        await self.commit({"azure-pipelines.yml": YAML, **files})
        await self.deliver("BranchUpdated")
        await self.deliver("PipelineRunQueued")

    async def ingest(self) -> None:
        for row in await self.events("PipelineRunFinished"):
            runs = [self.runtime.run(NAME, row.event_id.hex, 1) for _ in range(2)]
            await asyncio.gather(*runs)
            assert await self.runtime.run(NAME, row.event_id.hex, 1) is None

    def blob(self, content: bytes) -> BlobKey:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return BlobKey(tenant_id=self.repo.access.tenant_id, digest=digest)

    async def cases(self, **given: Any) -> list[dict[str, Any]]:
        return list((await self.client.ask(CASES, **given))["modules"]["nodes"][0]["testCases"]["nodes"])

    async def results(self) -> list[dict[str, Any]]:
        return [node["buildResult"] for node in (await self.client.ask(RUNS))["pipelineRuns"]["nodes"]]


@pytest.fixture
def ingesting(repo: Repo) -> Ingesting:
    return Ingesting(repo)


async def test_a_run_that_ended_has_its_tests_coverage_and_artifacts_once(ingesting: Ingesting) -> None:
    await ingesting.run(GIVEN)
    assert await ingesting.results() == [None]
    await ingesting.ingest()
    (result,) = await ingesting.results()
    assert (result["status"], result["branch"], result["problems"]) == ("SUCCEEDED", "work", [])
    assert result["durationMs"] > 0
    assert result["tests"] == {"total": 3, "passed": 1, "failed": 1, "skipped": 1}
    assert result["coverage"] == {
        "files": 2, "linesCovered": 1, "lines": 3, "branchesCovered": 1, "branches": 2, "lineRate": 1 / 3,
    }  # fmt: skip
    assert [(one["kind"], one["name"], one["path"]) for one in result["artifacts"]["nodes"]] == [
        ("TEST_RESULTS", "Unit", "s/TEST-a.xml"), ("COVERAGE", "coverage", "s/coverage.xml"),
        ("ARTIFACT", "dist", "x.whl"),
    ]  # fmt: skip
    told = result["testResults"]["nodes"]
    assert [(one["number"], one["name"], one["outcome"], one["durationMs"]) for one in told] == [
        (1, "good", "PASSED", 500), (2, "bad", "FAILED", None), (3, "later", "SKIPPED", None),
    ]  # fmt: skip
    assert (told[1]["message"], told[1]["stack"], told[1]["testCase"]) == ("no", "trace", {"runs": 1, "flaky": False})
    assert [one["path"] for one in result["files"]["nodes"]] == ["a.py", "b.py"]
    (completed,) = await ingesting.events("BuildCompleted")
    assert completed.payload | {"pipelineRunId": "", "repositoryId": "", "commitSha": ""} == {
        "pipelineRunId": "", "repositoryId": "", "commitSha": "", "branch": "work", "status": "SUCCEEDED",
        "testsTotal": 3, "testsFailed": 1, "artifacts": 3,
    }  # fmt: skip


async def test_the_build_follows_its_run_in_lineage(ingesting: Ingesting) -> None:
    await ingesting.run(GIVEN)
    await ingesting.ingest()
    (result,) = await ingesting.results()
    query = "query($id: ID!) { lineage(id: $id, direction: UPSTREAM, depth: 1) { edges { type from to } } }"
    told = (await ingesting.client.ask(query, id=result["id"]))["lineage"]["edges"]
    assert told == [{"type": "PRODUCED", "from": result["pipelineRun"]["id"], "to": result["id"]}]


async def test_an_artifact_is_read_by_its_address_whole_or_in_part(ingesting: Ingesting) -> None:
    await ingesting.run(GIVEN)
    await ingesting.ingest()
    (result,) = await ingesting.results()
    artifact = result["artifacts"]["nodes"][2]
    client, path = ingesting.client, artifact["uri"].partition("/artifacts/")[2]
    bearer = {"Authorization": f"Bearer {client.token}"}

    async def get(**headers: str) -> tuple[int, str, str | None]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await client.http.get(f"/artifacts/{path}", headers=bearer | given)
        return answer.status_code, answer.text, answer.headers.get("content-range")

    assert await get() == (200, "wheel", None)
    assert await get(range="bytes=1-2") == (206, "he", "bytes 1-2/5")
    assert await get(range="bytes=-2") == (206, "el", "bytes 3-4/5")
    assert await get(range="bytes=3-") == (206, "el", "bytes 3-4/5")
    assert (await get(range="bytes=5-"))[::2] == (416, "bytes */5")
    assert await get(if_none_match=f'"{artifact["digest"]}"') == (304, "", None)
    assert (await client.http.get(f"/artifacts/{path}")).status_code == 401


CASES = """query($flaky: Boolean) { modules { nodes { testCases(filter: {flaky: $flaky}, first: 5) { nodes {
    name outcome runs passed failed flaky flakyBecause results(first: 5) { nodes { outcome } } } } } } }"""


async def test_a_test_is_followed_over_the_runs_of_its_module(ingesting: Ingesting) -> None:
    for text in (JUNIT, JUNIT.replace("trace", "again"), PASSING):
        await ingesting.run({**GIVEN, "given/TEST-a.xml": text})
        await ingesting.ingest()
    found = await ingesting.cases()
    assert [(one["name"], one["outcome"], one["runs"], one["passed"], one["failed"]) for one in found] == [
        ("good", "PASSED", 3, 3, 0), ("bad", "PASSED", 3, 1, 2), ("later", "SKIPPED", 3, 0, 0),
    ]  # fmt: skip
    assert [one["outcome"] for one in found[1]["results"]["nodes"]] == ["FAILED", "FAILED", "PASSED"]
    assert await ingesting.cases(flaky=True) == []


async def test_a_test_that_goes_both_ways_at_one_commit_is_flaky(ingesting: Ingesting) -> None:
    again = "- script: test $(System.JobAttempt) = 1 || cp again TEST-a.xml\n"
    yaml = YAML.replace("- task: PublishTest", again + "- task: PublishTest", 1)
    await ingesting.run({**GIVEN, "azure-pipelines.yml": yaml, "given/again": PASSING})
    await ingesting.ingest()
    (run,) = (await ingesting.client.ask(RUNS))["pipelineRuns"]["nodes"]
    await ingesting.client.done("retryPipelineRun", "pipelineRun { id }", runId=run["id"])
    await ingesting.deliver("PipelineRunQueued")
    await ingesting.ingest()
    sha = run["buildResult"]["commitSha"][:12]
    told = [(one["name"], one["flakyBecause"]) for one in await ingesting.cases(flaky=True)]
    assert told == [("bad", f"it passed and failed at commit {sha}")]


async def test_a_file_whose_content_is_gone_is_a_problem_and_the_rest_is_recorded(ingesting: Ingesting) -> None:
    await ingesting.run(GIVEN)
    key = ingesting.blob(JUNIT.encode())
    assert await ingesting.client.slipway.providers.blobs.delete(key, before=now() + timedelta(hours=1))
    await ingesting.ingest()
    (result,) = await ingesting.results()
    assert result["problems"] == [f"s/TEST-a.xml: there is no blob '{key.digest}'"]
    assert (result["tests"]["total"], result["coverage"]["files"]) == (0, 2)


async def test_what_a_build_refers_to_is_never_swept(ingesting: Ingesting) -> None:
    await ingesting.run(GIVEN)
    slipway = ingesting.client.slipway

    async def nobodys() -> AsyncIterator[bytes]:
        yield b"nobody's"

    await slipway.providers.blobs.put(ingesting.repo.access.tenant_id, nobodys())
    assert await BlobSweep(slipway.database, slipway.providers.blobs).drop(timedelta(hours=-1), 100) == 1
    for text in (JUNIT, COVERAGE, "wheel"):
        assert await slipway.providers.blobs.stat(ingesting.blob(text.encode())) is not None


async def test_a_run_that_never_ran_has_a_result_too(ingesting: Ingesting) -> None:
    await ingesting.file("trigger: [work]\nsteps: [{task: None@1}]\n")
    await ingesting.deliver("BranchUpdated")
    await ingesting.deliver("PipelineRunQueued")
    await ingesting.ingest()
    (result,) = await ingesting.results()
    assert (result["status"], result["tests"]["total"], result["coverage"]) == ("FAILED", 0, None)
