"""What a module's build has packaged is published, by itself and once."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from main import Settings
from tests.e2e.pipelines import Built, built
from tests.e2e.served import ServedClient, served
from tests.packages import wheel

FOUND = """{ packagePublications { nodes { id name versionName status failure traceId
    module { id } buildResult { id commitSha traceId } files { nodes { filename } } } } }"""
EDGES = "query($id: ID!) { lineage(id: $id, direction: UPSTREAM, depth: 1) { edges { type from to } } }"
EVENTS = """query($id: ID!) { node(id: $id) { ... on PipelineRun { buildResult { packages { nodes { id } } } } } }"""


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


def pipeline(*wheels: tuple[str, bytes]) -> str:
    """Puts out these wheels on every branch."""
    told = ["trigger: ['*']", "pr: none", "steps:"]
    for filename, content in wheels:
        text = base64.b64encode(content).decode()
        told.append(f"- script: mkdir -p dist && echo {text} | base64 -d > dist/{filename}")
    return "\n".join([*told, "- publish: dist", "  artifact: dist", ""])


async def publications(module: Built, count: int = 1) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while True:
        found: list[dict[str, Any]] = (await module.admin.ask(FOUND))["packagePublications"]["nodes"]
        if len(found) >= count and all(one["status"] != "PENDING" for one in found):
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def test_a_build_of_the_default_branch_publishes_its_modules_package(module: Built) -> None:
    sha = await module.merged(pipeline(wheel("m", "1.4.1"), wheel("other", "1.0")))
    run = await module.run_at(sha)
    assert (await module.until(run))["status"] == "SUCCEEDED"
    (one,) = await publications(module)
    assert (one["name"], one["versionName"], one["status"], one["failure"]) == ("m", "1.4.1", "PUBLISHED", None)
    assert (one["module"]["id"], one["buildResult"]["commitSha"]) == (module.module, sha)
    assert one["traceId"] == one["buildResult"]["traceId"]
    (edge,) = (await module.admin.ask(EDGES, id=one["id"]))["lineage"]["edges"]
    assert edge == {"type": "PACKAGED_AS", "from": one["buildResult"]["id"], "to": one["id"]}
    found = (await module.admin.ask(EVENTS, id=run))["node"]["buildResult"]["packages"]["nodes"]
    assert found == [{"id": one["id"]}]
    filename, content = wheel("m", "1.4.1")
    async with httpx.AsyncClient(trust_env=False, auth=("t", module.admin.token)) as http:
        answer = await http.get(f"{module.admin.url}/pypi/acme/booking/files/{filename}")
    assert answer.content == content


async def test_the_same_build_again_adopts_and_another_content_is_told_and_left_out(module: Built) -> None:
    first = await module.merged(pipeline(wheel("m", "1.4.1")))
    run = await module.run_at(first)
    assert (await module.until(run))["status"] == "SUCCEEDED"
    (one,) = await publications(module)
    retried = await module.admin.done("retryPipelineRun", "pipelineRun { id }", runId=run)
    assert (await module.until(retried["pipelineRun"]["id"]))["status"] == "SUCCEEDED"
    sha = await module.commit("more", {"azure-pipelines.yml": pipeline(wheel("m", "1.4.1", code=b"A = 0\n"))})
    _, head = await module.merge("more", sha)
    assert (await module.until(await module.run_at(head)))["status"] == "SUCCEEDED"
    deadline = time.monotonic() + 30
    while (told := (await publications(module))[0])["failure"] is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert told["status"] == "PUBLISHED"
    assert told["failure"].endswith("a version never changes, publish the next one")
    assert (told["id"], told["buildResult"]) == (one["id"], one["buildResult"])
