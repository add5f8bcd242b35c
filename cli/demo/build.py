"""What the merge starts by itself: its pipeline, watched line by line until it ends."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from cli.demo.api import Api
from cli.demo.feed import Feed
from cli.demo.journal import Journal, Refusal
from cli.demo.walk import Walked

PATIENCE: Final = 300.0
LOG: Final = "subscription($id: ID!) { pipelineRunLog(runId: $id) { lines { text } } }"
STEPS: Final = """query($id: ID!) { node(id: $id) { ... on PipelineRun {
    status failure stages { jobs { steps { displayName status } } } } } }"""


async def build(api: Api, feed: Feed, journal: Journal, walked: Walked, wheelhouse: Path | None) -> None:
    """The run of main at the merge; the step has failed when the run has."""
    with journal.step(walked.agent.name, "watch its pipeline test and package it") as step:
        queued = await feed.until("PipelineRunQueued", commitSha=walked.merge_sha, branch="main")
        run = queued["subjectId"]
        step.ids.append(run)
        step.event_ids.append(queued["eventId"])
        if wheelhouse is None:
            step.outcome = "it runs, and is not waited for: 'make install' fills the wheelhouse that it installs from"
            return
        async with asyncio.timeout(PATIENCE), aclosing(_lines(api.url, walked.agent.token, run)) as lines:
            async for line in lines:
                journal.console.print(f"     [dim]│ {escape(line)}[/]")
        finished = await feed.until("PipelineRunFinished", run)
        step.event_ids.append(finished["eventId"])
        found = (await api.ask(walked.agent, STEPS, id=run))["node"]
        if found["status"] != "SUCCEEDED":
            raise Refusal(found["status"], found["failure"] or "a step of the pipeline failed: its log says why")
        published = await feed.until("PackagePublished", name="reservations")
        step.ids.append(published["subjectId"])
        step.event_ids.append(published["eventId"])
        names = [one["displayName"] for stage in found["stages"] for job in stage["jobs"] for one in job["steps"]]
        step.outcome = f"{', '.join(names)}: {found['status']}, published as {published['payload']['filename']}"


async def _lines(url: str, token: str, run: str) -> AsyncGenerator[str, None]:
    """Until the run ends."""
    address = url.replace("http", "ws", 1) + "/graphql"
    protocol = [Subprotocol("graphql-transport-ws")]
    async with connect(address, subprotocols=protocol, proxy=None, open_timeout=10) as socket:

        async def say(**message: Any) -> None:
            await socket.send(json.dumps(message))

        await say(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        await say(type="subscribe", id="log", payload={"query": LOG, "variables": {"id": run}})
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "ping":
                await say(type="pong")
            elif message["type"] == "next":
                for line in message["payload"]["data"]["pipelineRunLog"]["lines"]:
                    yield line["text"]
            elif message["type"] in {"error", "complete"}:
                return
