"""Where what stands on main came from, and what came of the artifact, as the API's own lineage tells it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.markup import escape

from cli.demo.api import Api
from cli.demo.journal import Journal, Refusal
from cli.demo.walk import Walked

QUERY: Final = """query($id: ID!, $direction: LineageDirection!) { lineage(id: $id, direction: $direction) {
    nodes { __typename id
      ... on Artifact { name producer } ... on Commit { sha message } ... on PullRequest { number title }
      ... on PipelineRun { branch status } ... on BuildResult { status tests { total passed } }
      ... on PackagePublication { name versionName } }
    edges { type from to eventId } truncated } }"""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """The answers from both ends, as ``--json`` keeps them."""

    downstream: dict[str, Any]
    upstream: dict[str, Any]

    def kept(self) -> dict[str, Any]:
        """By direction."""
        return {"downstream": self.downstream, "upstream": self.upstream}


async def trace(api: Api, journal: Journal, walked: Walked) -> Lineage:
    """From the artifact down to the merge and back up; the step has failed when either does not reach the other."""
    with journal.step(walked.agent.name, "trace it from the artifact to main, and back") as step:
        ends = {"DOWNSTREAM": walked.artifact_id, "UPSTREAM": walked.merge_commit_id}
        told = {}
        for direction, other in zip(ends, reversed(ends.values()), strict=True):
            found = (await api.ask(walked.agent, QUERY, id=ends[direction], direction=direction))["lineage"]
            if other not in {node["id"] for node in found["nodes"]}:
                raise Refusal("NO_LINEAGE", f"{direction} of {ends[direction]} does not reach {other}")
            told[direction] = found
        step.ids += [node["id"] for node in told["DOWNSTREAM"]["nodes"]]
        step.event_ids += list(dict.fromkeys(edge["eventId"] for edge in told["DOWNSTREAM"]["edges"]))
        step.outcome = f"{len(told['DOWNSTREAM']['edges'])} edges down, {len(told['UPSTREAM']['edges'])} up"
    return Lineage(downstream=told["DOWNSTREAM"], upstream=told["UPSTREAM"])


def lines(told: dict[str, Any], *, towards: str) -> list[str]:
    """The answer as a tree below its first node, each node once; ``towards`` is the end of the edges that leads on."""
    here = {"to": "from", "from": "to"}[towards]
    nodes = {node["id"]: node for node in told["nodes"]}
    root = told["nodes"][0]
    hung, below = {root["id"]}, defaultdict[str, list[tuple[str, str]]](list)
    for edge in told["edges"]:
        if edge[towards] not in hung:
            hung.add(edge[towards])
            below[edge[here]].append((edge["type"], edge[towards]))

    def drawn(id: str, before: str) -> Iterator[str]:
        for place, (kind, node) in enumerate(below[id], 1):
            is_last = place == len(below[id])
            yield f"{before}{'└' if is_last else '├'}─ [dim]{kind}[/] {_label(nodes[node])}"
            yield from drawn(node, before + ("   " if is_last else "│  "))

    return [_label(root), *drawn(root["id"], "")]


def _label(node: dict[str, Any]) -> str:
    kind = node["__typename"]
    told = node["id"]
    if kind == "Artifact":
        told = f"{node['name']} by {node['producer']}"
    elif kind == "Commit":
        told = f"{node['sha'][:12]} {node['message'].splitlines()[0]}"
    elif kind == "PullRequest":
        told = f"#{node['number']} {node['title']}"
    elif kind == "PipelineRun":
        told = f"on {node['branch']}, {node['status']}"
    elif kind == "BuildResult":
        told = f"{node['status']}, {node['tests']['passed']} of {node['tests']['total']} tests passed"
    elif kind == "PackagePublication":
        told = f"{node['name']} {node['versionName']}"
    return f"[bold]{kind}[/] {escape(told)}"
