"""A module's pipeline from its metadata to a finished run, through a served installation."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from main import Settings
from tests.api.live import streamed
from tests.e2e.pipelines import Built, built
from tests.e2e.served import ServedClient, served
from tests.machine import ROOT, needs

LOG = """subscription($id: ID!, $after: Int! = 0) {
    pipelineRunLog(runId: $id, afterLine: $after) { lines { number step text } } }"""
WATCH = """subscription($id: ID!) { pipelineRun(id: $id) { status
    stages { jobs { steps { displayName status } } } } }"""
RESULT = """query($id: ID!) { node(id: $id) { ... on PipelineRun { buildResult { status problems
    tests { total passed failed } coverage { linesCovered lines } files { nodes { path } }
    testResults { nodes { suite name outcome } }
    artifacts(filter: {kind: [ARTIFACT]}) { nodes { name path uri digest } } } } } }"""
HELLO = """trigger: [main]
pr: none
variables:
  who: world
stages:
- stage: Build
  jobs:
  - job: build
    steps:
    - script: |
        echo "hello $(who)"
        cat greeting
        git rev-parse HEAD
      displayName: Say hello
    - bash: exit $(code)
      displayName: End
      env: {UNUSED: "1"}
      continueOnError: true
"""


@pytest.fixture
async def module(tmp_path: Path) -> AsyncIterator[Built]:
    async with served(Settings(data=tmp_path / "data")) as (slipway, url, token):
        assert token is not None
        operator = ServedClient(slipway, token, url)
        made = await operator.done("createTenant", "token", name="acme", adminEmail="a@example.test")
        admin = ServedClient(slipway, made["token"], url)
        yield await built(admin)
        await admin.http.aclose()
        await operator.http.aclose()


async def result_of(module: Built, run: str) -> dict[str, Any]:
    """What a run came to, as soon as it is recorded."""
    deadline = time.monotonic() + 20
    while (found := (await module.admin.ask(RESULT, id=run))["node"]["buildResult"]) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return dict(found)


async def log_of(module: Built, id: str, after: int = 0) -> list[dict[str, Any]]:
    """Every line behind one, from a stream that ends by itself."""
    lines: list[dict[str, Any]] = []
    async with streamed(module.admin.url, module.admin.token, LOG, id=id, after=after) as events:
        while (block := await events.block()).get("event") != "complete":
            if "data" in block:
                lines += json.loads(block["data"])["data"]["pipelineRunLog"]["lines"]
    return lines


async def test_a_merge_runs_the_pipeline_at_its_commit_and_streams_what_its_steps_say(module: Built) -> None:
    sha = await module.merged(HELLO.replace("$(code)", "0"), {"greeting": "from the commit\n"})
    id = await module.run_at(sha)
    lines = await log_of(module, id)
    run = await module.until(id)
    assert (run["status"], run["number"], run["branch"], run["attempt"]) == ("SUCCEEDED", 1, "main", 1)
    (stage,) = run["stages"]
    (job,) = stage["jobs"]
    assert [(step["displayName"], step["status"], step["exitCode"]) for step in job["steps"]] == [
        ("Checkout", "SUCCEEDED", 0), ("Say hello", "SUCCEEDED", 0), ("End", "SUCCEEDED", 0),
    ]  # fmt: skip
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    said = [line["text"] for line in lines if line["step"] == job["steps"][1]["number"]]
    assert said == ["##[section]Starting: Say hello", "hello world", "from the commit", sha,
                    "##[section]Finishing: Say hello"]  # fmt: skip
    assert await log_of(module, id, after=4) == lines[4:]


SLEEPS = """trigger: [main]
pr: none
jobs:
- job: a
  steps:
  - checkout: none
  - script: |
      sleep 300 & setsid sleep 300 &
      echo "pids $! $$"
      wait
  - script: echo never
"""


async def first_line(module: Built, id: str, start: str) -> str:
    """The first line of a run that begins so, while the run goes on."""
    async with streamed(module.admin.url, module.admin.token, LOG, id=id, after=0) as events:
        while True:
            (result,) = await events.next(1)
            for line in result["data"]["pipelineRunLog"]["lines"]:
                if line["text"].startswith(start):
                    return str(line["text"])


def alive(run: str) -> list[str]:
    """The processes that carry the run's mark."""
    mark = f"SLIPWAY_RUN={run.split('-')[1]}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    found.append(entry.name)
    return found


async def test_cancel_ends_what_runs_with_all_its_children_at_once(module: Built) -> None:
    id = await module.run_at(await module.merged(SLEEPS))
    await first_line(module, id, "pids ")
    assert len(alive(id)) >= 3
    made = await module.admin.done("cancelPipelineRun", "pipelineRun { status }", runId=id)
    assert made["pipelineRun"] == {"status": "CANCELING"}
    assert [event["eventType"] for event in made["events"]] == ["PipelineRunCancellationRequested"]
    began = time.monotonic()
    run = await module.until(id)
    assert time.monotonic() - began < 3
    assert (run["status"], run["failureReason"]) == ("CANCELED", None)
    steps = run["stages"][0]["jobs"][0]["steps"]
    assert [step["status"] for step in steps] == ["SKIPPED", "CANCELED", "SKIPPED"]
    assert alive(id) == []
    again = await module.admin.do("cancelPipelineRun", "pipelineRun { id }", runId=id)
    assert [error["code"] for error in again["errors"]] == ["PRECONDITION_FAILED"]


async def test_a_run_that_waits_is_canceled_at_once_and_never_starts(module: Built) -> None:
    sha = await module.merged(SLEEPS)
    ids = [await module.run_at(sha)]
    for _ in range(2):
        made = await module.admin.done("runPipeline", "pipelineRun { id }", pipelineId=module.pipeline)
        ids.append(made["pipelineRun"]["id"])
    for id in ids[:2]:
        await module.until(id, "RUNNING")
    made = await module.admin.done("cancelPipelineRun", "pipelineRun { status }", runId=ids[2])
    assert made["pipelineRun"] == {"status": "CANCELED"}
    for id in ids[:2]:
        await module.admin.done("cancelPipelineRun", "pipelineRun { id }", runId=id)
    assert [(await module.until(id))["status"] for id in ids] == ["CANCELED"] * 3
    assert (await module.run(ids[2]))["stages"] == []


async def test_a_pull_request_runs_its_source_and_the_merge_its_own_commit(module: Built) -> None:
    yaml = (
        "trigger: [main]\npr: [main]\nsteps:\n- script: echo $(Build.Reason) $(System.PullRequest.TargetBranchName)\n"
    )
    source = await module.commit("work", {"azure-pipelines.yml": yaml})
    pull_request, merged = await module.merge("work", source)
    asked = await module.run_at(source, "PULL_REQUEST")
    await module.until(asked)
    await module.until(await module.run_at(merged))
    assert [line["text"] for line in await log_of(module, asked) if "PullRequest" in line["text"]] == [
        "PullRequest main"
    ]
    query = """query($id: ID!, $repository: ID!, $sha: GitSha!) {
        node(id: $id) { ... on PullRequest { pipelineRuns { nodes { id } } } }
        commit(repository: $repository, sha: $sha) { pipelineRuns { nodes { id pipeline { repository { id } } } } } }"""
    found = await module.admin.ask(query, id=pull_request, repository=module.repository, sha=source)
    assert found["node"]["pipelineRuns"]["nodes"] == [{"id": asked}]
    assert found["commit"]["pipelineRuns"]["nodes"] == [
        {"id": asked, "pipeline": {"repository": {"id": module.repository}}}
    ]


async def test_lineage_leads_from_the_commit_and_the_pipeline_to_the_run(module: Built) -> None:
    id = await module.run_at(await module.merged(HELLO))
    query = "query($id: ID!) { lineage(id: $id, direction: UPSTREAM, depth: 1) { edges { type from to } } }"
    edges = (await module.admin.ask(query, id=id))["lineage"]["edges"]
    assert {(edge["type"], edge["from"].split("-")[0], edge["to"]) for edge in edges} == {
        ("DEFINES", "pdef", id), ("BUILT_BY", "cmt", id),
    }  # fmt: skip


async def test_a_run_is_seen_live_step_by_step_until_it_ends(module: Built) -> None:
    id = await module.run_at(await module.merged(HELLO.replace("$(code)", "7"), {"greeting": "hi\n"}))
    seen = []
    async with streamed(module.admin.url, module.admin.token, WATCH, id=id) as events:
        while (block := await events.block()).get("event") != "complete":
            if "data" in block:
                seen.append(json.loads(block["data"])["data"]["pipelineRun"])
    assert seen[-1]["status"] == "SUCCEEDED_WITH_ISSUES"
    steps = seen[-1]["stages"][0]["jobs"][0]["steps"]
    assert [step["status"] for step in steps] == ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED_WITH_ISSUES"]
    assert len(seen) > 1


async def test_a_retry_is_the_next_attempt_at_the_same_commit(module: Built) -> None:
    sha = await module.merged("trigger: [main]\npr: none\nsteps:\n- script: exit $(System.JobAttempt)\n")
    first = await module.until(await module.run_at(sha))
    made = await module.admin.done("retryPipelineRun", "pipelineRun { id }", runId=first["id"])
    second = await module.until(made["pipelineRun"]["id"])
    assert (second["attempt"], second["reason"], second["commitSha"], second["number"]) == (2, "RETRY", sha, 2)
    codes = [run["stages"][0]["jobs"][0]["steps"][1]["exitCode"] for run in (first, second)]
    assert codes == [1, 2]
    again = await module.admin.do("retryPipelineRun", "pipelineRun { id }", runId=first["id"])
    assert [(error["code"], error["field"]) for error in again["errors"]] == [("CONFLICT", "runId")]


async def test_the_default_branch_builds_what_another_branch_has_built(module: Built) -> None:
    yaml = "trigger: ['*']\npr: none\nsteps: [{checkout: none}, {script: echo}]\n"
    sha = await module.commit("work", {"azure-pipelines.yml": yaml})
    await module.until(await module.run_at(sha))
    await module.admin.done("createBranch", "branch { id }", repositoryId=module.repository, name="other", fromSha=sha)
    assert (await module.merge("work", sha, "FAST_FORWARD"))[1] == sha
    deadline = time.monotonic() + 20
    while len(found := await module.runs()) < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    for run in found:
        await module.until(run["id"])
    assert [(run["branch"], run["commitSha"], run["reason"]) for run in await module.runs()] == [
        ("work", sha, "TRIGGER"), ("main", sha, "TRIGGER"),
    ]  # fmt: skip


@needs("wheelhouse")
async def test_the_generated_pipeline_tests_and_packages_the_example_without_any_index(module: Built) -> None:
    example = ROOT / "examples" / "reservations"
    paths = [path for path in example.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    files = {path.relative_to(example).as_posix(): path.read_text() for path in paths}
    sha = await module.commit("work", files)
    fields = {"repositoryId": module.repository, "sourceBranch": "work", "title": "t"}
    await module.admin.done("openPullRequest", "pullRequest { id }", **fields)
    run = await module.until(await module.run_at(sha, "PULL_REQUEST"), seconds=90)
    lines = [line["text"] for line in await log_of(module, run["id"])]
    assert run["status"] == "SUCCEEDED", "\n".join(lines[-30:])
    steps = run["stages"][0]["jobs"][0]["steps"]
    assert [step["displayName"] for step in steps] == [
        "Checkout", "Install", "Test", "Package", "Publish test results", "Publish coverage", "Publish the package",
    ]  # fmt: skip
    assert any(line.endswith("4 passed") or " 4 passed" in line for line in lines)
    assert "Successfully built reservations-1.0.0-py3-none-any.whl" in lines
    result = await result_of(module, run["id"])
    assert (result["status"], result["problems"]) == ("SUCCEEDED", [])
    assert result["tests"] == {"total": 4, "passed": 4, "failed": 0}
    assert [case["outcome"] for case in result["testResults"]["nodes"]] == ["PASSED"] * 4
    assert {case["suite"] for case in result["testResults"]["nodes"]} == {"tests.test_book.BookTest"}
    assert 0 < result["coverage"]["linesCovered"] <= result["coverage"]["lines"]
    assert any(file["path"].endswith("book.py") for file in result["files"]["nodes"])
    (wheel,) = result["artifacts"]["nodes"]
    assert (wheel["name"], wheel["path"]) == ("dist", "reservations-1.0.0-py3-none-any.whl")
    bearer = {"Authorization": f"Bearer {module.admin.token}"}
    answer = await module.admin.http.get(wheel["uri"], headers=bearer)
    assert wheel["digest"] == f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
