"""``slipway demo``: what stands today, walked through on a server of its own, through the API alone."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvicorn
from rich.console import Console

from cli.serve import address, listen
from main import Settings, Slipway

EXAMPLE = Path(__file__).parents[1] / "examples" / "reservations"


class DemoFailed(Exception):
    """A step did not end as it should; the message says which and why."""


class Walk:
    """Asks the server, and keeps what each step made."""

    def __init__(self, url: str, console: Console) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=30)
        self._console = console
        self.token = ""
        self.steps: list[dict[str, Any]] = []

    async def step(self, name: str, mutation: str, selection: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Carries one mutation out and prints what it made; DemoFailed when it is refused."""
        started, clock = datetime.now(UTC).isoformat(), time.perf_counter()
        kind = mutation[0].upper() + mutation[1:] + "Input"
        query = (
            f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {selection}"
            " events { eventId eventType sequence } errors { code message } } }"
        )
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = await self._http.post(
            "/graphql", json={"query": query, "variables": {"input": fields}}, headers=headers
        )
        body = answer.json()
        payload: dict[str, Any] = (body.get("data") or {}).get(mutation) or {}
        if body.get("errors") or payload.get("errors"):
            raise DemoFailed(f"{name}: {body.get('errors') or payload['errors']}")
        took = round((time.perf_counter() - clock) * 1_000, 1)
        ids = [value["id"] for value in payload.values() if isinstance(value, dict) and "id" in value]
        events = [event["eventId"] for event in payload["events"]]
        self.steps.append({"name": name, "startedAt": started, "durationMs": took, "ids": ids, "eventIds": events})
        told = ", ".join(event["eventType"] for event in payload["events"])
        self._console.print(f"[green]✓[/] {name} [dim]{took} ms  {told}[/]")
        return payload

    async def wait_for_repository(self, repository_id: str) -> None:
        """Until the worker has made it; DemoFailed when it could not, or took over 30 s."""
        fields = "status failure branches { nodes { headSha } }"
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ {fields} }} }} }}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            asked = {"query": query, "variables": {"id": repository_id}}
            answer = await self._http.post("/graphql", json=asked, headers={"Authorization": f"Bearer {self.token}"})
            node = answer.json()["data"]["node"]
            if node["status"] == "PROVISIONED":
                sha = node["branches"]["nodes"][0]["headSha"]
                self._console.print(f"[green]✓[/] the repository stands at [cyan]{sha[:12]}[/]")
                return
            if node["status"] == "FAILED":
                raise DemoFailed(f"make the repository: {node['failure']}")
            await asyncio.sleep(0.05)
        raise DemoFailed("make the repository: it took over 30 s")

    async def close(self) -> None:
        """Ends the client."""
        await self._http.aclose()


def demo(
    data: Annotated[Path | None, typer.Option(help="Data folder; a temporary one when absent.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the steps here.")] = None,
) -> None:
    """Exit code 1 and the failed step when something does not end as it should."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="slipway-demo-") as scratch:
        try:
            steps = asyncio.run(_run(data or Path(scratch), console))
        except DemoFailed as error:
            console.print(f"[red]failed[/] {error}")
            raise typer.Exit(1) from error
    if json_file is not None:
        json_file.write_text(json.dumps({"steps": steps}, indent=2) + os.linesep)


async def _run(data: Path, console: Console) -> list[dict[str, Any]]:
    slipway = Slipway(Settings(data=data))
    key = data / "demo-operator.token"
    token = await slipway.start()
    if token is not None:
        key.touch(mode=0o600)
        key.write_text(token)
    elif not key.exists():
        raise DemoFailed("this data folder was not made by the demo: give another one with --data")
    async with _served(slipway) as url:
        walk = Walk(url, console)
        walk.token = key.read_text()
        try:
            await _walk(walk)
        finally:
            await walk.close()
    return walk.steps


@asynccontextmanager
async def _served(slipway: Slipway) -> AsyncIterator[str]:
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(slipway.app(), log_level="warning", access_log=False))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield address(listener)
    finally:
        server.should_exit = True
        await task


async def _walk(walk: Walk) -> None:
    tag = f"{time.time_ns():x}"
    email = "admin@example.invalid"
    tenant = await walk.step("make a tenant", "createTenant", "tenant { id } token", {"name": tag, "adminEmail": email})
    walk.token = tenant["token"]
    project = await walk.step("make a project", "createProject", "project { id }", {"name": "booking"})
    project_id = project["project"]["id"]
    author, reviewer = await _identity(walk, "author"), await _identity(walk, "reviewer")
    module = {"projectId": project_id, "name": "reservations", "kind": "SERVICE", "language": "PYTHON"}
    module |= {"baseVersion": "1.0", "port": 8080, "healthPath": "/healthz", "packageName": "reservations"}
    registered = await walk.step("register the module", "registerModule", "module { id }", module)
    wanted = {"moduleId": registered["module"]["id"]}
    asked = await walk.step("ask for its repository", "provisionRepository", "repository { id }", wanted)
    await walk.wait_for_repository(asked["repository"]["id"])
    walk.token = author
    artifact = {"projectId": project_id, "moduleId": registered["module"]["id"], "producer": "example"}
    artifact |= {"name": "reservations"}
    made = await walk.step("register the artifact", "registerArtifact", "artifact { id }", artifact)
    await _propose_and_merge(walk, asked["repository"]["id"], made["artifact"]["id"], author, reviewer)


async def _identity(walk: Walk, name: str) -> str:
    """A human's own token."""
    fields = {"name": name, "kind": "HUMAN", "email": f"{name}@example.invalid"}
    made = await walk.step(f"make the {name}", "createIdentity", "identity { id }", fields)
    wanted = {"identityId": made["identity"]["id"], "name": "demo", "scopes": ["REPOSITORIES_WRITE"]}
    return str((await walk.step(f"issue the {name}'s token", "issueToken", "secret token { id }", wanted))["secret"])


async def _propose_and_merge(walk: Walk, repository: str, artifact: str, author: str, reviewer: str) -> None:
    here = {"repositoryId": repository}
    await walk.step("branch", "createBranch", "branch { id }", here | {"name": "first"})
    files = [path for path in sorted(EXAMPLE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    changes = [{"path": path.relative_to(EXAMPLE).as_posix(), "content": path.read_text()} for path in files]
    commit = here | {
        "branch": "first",
        "message": "Book tables by the hour",
        "changes": changes,
        "artifactId": artifact,
    }
    await walk.step(f"commit {len(files)} files", "createCommit", "commit { id sha }", commit)
    fields = here | {"sourceBranch": "first", "title": "Book tables by the hour"}
    opened = await walk.step("open a pull request", "openPullRequest", "pullRequest { id sourceSha }", fields)
    pull, sha = opened["pullRequest"]["id"], opened["pullRequest"]["sourceSha"]
    walk.token = reviewer
    review = {"pullRequestId": pull, "verdict": "APPROVE", "sourceSha": sha}
    await walk.step("approve it", "reviewPullRequest", "pullRequest { id }", review)
    walk.token = author
    merge = {"pullRequestId": pull, "expectedSourceSha": sha}
    await walk.step("merge it", "mergePullRequest", "pullRequest { id mergeSha }", merge)
