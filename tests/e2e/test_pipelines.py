"""A module's pipeline from its metadata to a finished run, through a served installation."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from main import Settings
from tests.api.live import streamed
from tests.e2e.pipelines import Built, built
from tests.e2e.served import ServedClient, served

LOG = """subscription($id: ID!, $after: Int! = 0) {
    pipelineRunLog(runId: $id, afterLine: $after) { lines { number step text } } }"""
WATCH = """subscription($id: ID!) { pipelineRun(id: $id) { status
    stages { jobs { steps { displayName status } } } } }"""
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
