"""A server killed with kill -9 while a job runs: the run is lost, told, and retried as an attempt that people see."""

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.e2e.children import Server, ask, free_port
from tests.e2e.test_pipelines import alive

YAML = """trigger: [work]
steps:
- checkout: none
- script: |
    if [ "$(System.JobAttempt)" = 1 ]; then sleep 300 & sleep 300; fi
    echo attempt $(System.JobAttempt)
"""
RUNS = """{ pipelineRuns { nodes { id status failureReason failure attempt reason
    stages { jobs { steps { status explanation } } } } } }"""


async def prepare(server: Server) -> tuple[str, str]:
    """A tenant's token and a module's id."""
    make = 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
    token = (await ask(server.url, server.token(), make))["createTenant"]["token"]
    make = 'mutation { createProject(input: {name: "booking"}) { project { id } } }'
    project = (await ask(server.url, token, make))["createProject"]["project"]["id"]
    make = """mutation($project: ID!) { registerModule(input: {projectId: $project, name: "m", kind: LIBRARY,
        language: PYTHON, baseVersion: "1.0"}) { module { id } } }"""
    return token, (await ask(server.url, token, make, project=project))["registerModule"]["module"]["id"]


async def commit(server: Server, token: str, module: str) -> None:
    """A branch whose pipeline runs."""
    make = """mutation($module: ID!) { provisionRepository(input: {moduleId: $module}) { repository { id } } }"""
    repository = (await ask(server.url, token, make, module=module))["provisionRepository"]["repository"]["id"]
    make = """mutation($id: ID!) { createBranch(input: {repositoryId: $id, name: "work"}) { errors { code } } }"""
    await until(lambda: ask(server.url, token, make, id=repository), lambda told: not told["createBranch"]["errors"])
    make = """mutation($id: ID!, $yaml: String!) { createCommit(input: {repositoryId: $id, branch: "work", message: "m",
        changes: [{path: "azure-pipelines.yml", content: $yaml}]}) { errors { code } } }"""
    assert (await ask(server.url, token, make, id=repository, yaml=YAML))["createCommit"]["errors"] == []


def is_seen(run: Any) -> bool:
    """Whether the rows say already that its script runs."""
    return [step["status"] for stage in run["stages"] for step in stage["jobs"][0]["steps"]] == ["SKIPPED", "RUNNING"]


async def until(question: Any, wanted: Any) -> Any:
    deadline = time.monotonic() + 40
    while not wanted(told := await question()):
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.1)
    return told


async def test_a_killed_run_is_lost_and_its_retry_is_a_visible_attempt(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    server = Server(data, port)
    try:
        await server.ready()
        token, module = await prepare(server)
        await commit(server, token, module)

        async def runs() -> Any:
            return (await ask(server.url, token, RUNS))["pipelineRuns"]["nodes"]

        (run,) = await until(runs, lambda nodes: nodes and is_seen(nodes[0]) and len(alive(nodes[0]["id"])) >= 2)
        server.kill()
        server = Server(data, port)
        await server.ready()
        lost, again = await until(runs, lambda nodes: len(nodes) == 2 and nodes[1]["status"] == "SUCCEEDED")
    finally:
        if server.process.poll() is None:
            server.kill()
    assert (lost["id"], lost["status"], lost["failureReason"]) == (run["id"], "FAILED", "LOST")
    assert lost["failure"] == "the process that ran it is gone"
    assert [step["status"] for step in lost["stages"][0]["jobs"][0]["steps"]] == ["SKIPPED", "CANCELED"]
    assert (again["attempt"], again["reason"]) == (2, "RETRY")
    assert alive(lost["id"]) == alive(again["id"]) == []
