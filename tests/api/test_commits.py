"""Branches and commits through the API: the rows agree with Git, races queue, and a crash at any boundary heals."""

import asyncio
import base64
import subprocess
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from providers.git.embedded import EmbeddedGit
from services.failpoints import Failpoints
from storage import event_log
from storage.access import Access
from storage.queries.lineage import LineageQueries
from storage.queries.rows import Rows
from storage.tables.source_control import RefIntentRow
from tests.api.conftest import Client

LEFT_OPEN = {"intend:after", "swap:before", "swap:after", "record:before"}
FIELDS = "commit { id sha parents filesChanged artifact { id } traceId }"


class Repo:
    """A provisioned repository with a branch that may be committed to."""

    def __init__(self, client: Client, project: str, id: str) -> None:
        self.client, self.project, self.id = client, project, id
        tenant = client.slipway.services.identities.claims(client.token).tenant_id
        self.access = Access(tenant_id=tenant)
        self.path = client.slipway.settings.data / "git" / tenant.hex / f"{id.split('-')[1]}.git"

    async def commit(self, path: str, content: str = "x\n", **more: Any) -> dict[str, Any]:
        changes = [{"path": path, "content": content}]
        fields: dict[str, Any] = {"repositoryId": self.id, "branch": "work", "message": "m", "changes": changes}
        return await self.client.do("createCommit", FIELDS, **(fields | more))

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    async def branch(self, name: str = "work") -> dict[str, Any]:
        fields = "branches { nodes { name headSha isProtected } }"
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ {fields} }} }} }}"
        nodes = (await self.client.ask(query, id=self.id))["node"]["branches"]["nodes"]
        return next(node for node in nodes if node["name"] == name)

    async def log_is_whole(self) -> int:
        async with self.client.slipway.database.reading(self.access) as session:
            return await event_log.verify_chain(session, self.access)

    async def intents(self) -> int:
        async with self.client.slipway.database.reading(self.access) as session:
            return await Rows(session, self.access).count(RefIntentRow, {})


@pytest.fixture
async def repo(admin: Client) -> Repo:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    fields = {"name": "m", "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    module = await admin.done("registerModule", "module { id }", projectId=project, **fields)
    made = await admin.done("provisionRepository", "repository { id }", moduleId=module["module"]["id"])
    requested = made["events"][0]["eventId"].split("-")[1]
    assert await admin.slipway.workers.runtime.run("RepositoryProvisioningWorker", requested, 1) is None
    repo = Repo(admin, project, made["repository"]["id"])
    await admin.done("createBranch", "branch { id }", repositoryId=repo.id, name="work")
    return repo


@pytest.mark.both_databases
async def test_a_commit_is_the_same_in_git_rows_events_and_lineage(repo: Repo) -> None:
    fields = {"projectId": repo.project, "producer": "p", "name": "a"}
    artifact = (await repo.client.done("registerArtifact", "artifact { id traceId }", **fields))["artifact"]
    head = (await repo.branch())["headSha"]
    made = await repo.commit("src/a.py", artifactId=artifact["id"], expectedHeadSha=head)
    assert made["errors"] == []
    commit = made["commit"]
    assert (commit["sha"], commit["parents"]) == (repo.git("rev-parse", "work"), [head])
    assert (await repo.branch())["headSha"] == commit["sha"]
    assert (commit["artifact"], commit["traceId"]) == ({"id": artifact["id"]}, artifact["traceId"])
    assert [event["eventType"] for event in made["events"]] == ["BranchUpdated", "CommitCreated"]
    assert {event["traceId"] for event in made["events"]} == {artifact["traceId"]}
    async with repo.client.slipway.database.reading(repo.access) as session:
        node = UUID(hex=artifact["id"].split("-")[1])
        (edge,) = await LineageQueries(session, repo.access).edges([node], downstream=True, limit=9)
    assert (edge.kind, edge.downstream) == ("COMMITTED_AS", ("Commit", UUID(hex=commit["id"].split("-")[1])))
    assert f"evt-{edge.event_id.hex}" == made["events"][1]["eventId"]


async def test_the_same_artifact_and_tree_is_the_same_commit(repo: Repo) -> None:
    first = await repo.commit("a")
    again = await repo.commit("a")
    assert (again["commit"]["id"], again["events"]) == (first["commit"]["id"], [])


async def test_bytes_modes_and_deletes_arrive(repo: Repo) -> None:
    changes = [
        {"path": "bin", "content": base64.b64encode(b"\x00\xff").decode(), "encoding": "BASE64"},
        {"path": "run.sh", "content": "#!/bin/sh\n", "mode": "EXECUTABLE"},
        {"path": "README.md", "delete": True},
    ]
    assert (await repo.commit("", changes=changes))["errors"] == []
    assert repo.git("ls-tree", "--format=%(objectmode) %(path)", "work").split("\n") == [
        "100644 .gitignore", "100644 azure-pipelines.yml", "100644 bin", "100755 run.sh",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"branch": "main"}, "POLICY_DENIED", "branch"),
        ({"branch": "absent"}, "NOT_FOUND", "branch"),
        ({"expectedHeadSha": "0" * 40}, "CONFLICT", "expectedHeadSha"),
        ({"message": ""}, "INVALID_INPUT", "message"),
        ({"changes": [{"path": "../x", "content": ""}]}, "INVALID_INPUT", "changes"),
        ({"changes": [{"path": "x", "content": "!", "encoding": "BASE64"}]}, "INVALID_INPUT", "changes"),
        ({"changes": [{"path": "x"}]}, "INVALID_INPUT", "changes"),
        ({"artifactId": "art-" + "0" * 32}, "NOT_FOUND", "artifactId"),
        ({"repositoryId": "repo-" + "0" * 32}, "NOT_FOUND", "repositoryId"),
    ],
)
async def test_a_refused_commit_leaves_nothing(repo: Repo, more: dict[str, Any], code: str, field: str) -> None:
    before = repo.git("for-each-ref"), await repo.log_is_whole()
    refused = await repo.commit("x", **more)
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [(code, field)]
    assert (repo.git("for-each-ref"), await repo.log_is_whole()) == before
    assert await repo.intents() == 0


@pytest.mark.both_databases
async def test_commits_at_once_to_one_branch_queue_and_all_arrive(repo: Repo) -> None:
    made = await asyncio.gather(*(repo.commit(f"f{number}") for number in range(8)))
    assert [one["errors"] for one in made] == [[]] * 8
    assert repo.git("rev-list", "--count", "work") == "9"
    assert (await repo.branch())["headSha"] == repo.git("rev-parse", "work")


async def test_of_commits_that_expect_the_same_head_one_wins(repo: Repo) -> None:
    head = (await repo.branch())["headSha"]
    made = await asyncio.gather(*(repo.commit(f"f{number}", expectedHeadSha=head) for number in range(4)))
    assert sorted(one["errors"][0]["code"] if one["errors"] else "" for one in made) == ["", *["CONFLICT"] * 3]


async def test_the_same_key_at_once_makes_one_commit(repo: Repo) -> None:
    made = await asyncio.gather(*(repo.commit("f", idempotencyKey="k") for _ in range(4)))
    assert len({one["commit"]["id"] for one in made}) == 1
    assert len({str(one["events"]) for one in made}) == 1
    assert repo.git("rev-list", "--count", "work") == "2"


async def test_a_branch_is_refused_when_it_stands_or_its_start_does_not(repo: Repo) -> None:
    for fields, code in (
        ({"name": "work"}, "CONFLICT"),
        ({"name": "a..b"}, "INVALID_INPUT"),
        ({"name": "x", "fromBranch": "absent"}, "NOT_FOUND"),
        ({"name": "x", "fromSha": "0" * 40}, "NOT_FOUND"),
    ):
        refused = await repo.client.do("createBranch", "branch { id }", repositoryId=repo.id, **fields)
        assert [error["code"] for error in refused["errors"]] == [code]


class Crash(BaseException):
    """Stands for the end of the process."""


def crashing(at: str) -> Callable[[Failpoints, str], None]:
    """A failpoint that ends the move instead of the process."""

    def reach(self: Failpoints, name: str) -> None:
        if name == at:
            raise Crash(name)

    return reach


@pytest.mark.parametrize("step", ["write", "intend", "swap", "record"])
@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_move_cut_off_at_a_boundary_is_finished_from_what_git_says(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, step: str, side: str
) -> None:
    before = (await repo.branch())["headSha"]
    at = f"{step}:{side}"
    with monkeypatch.context() as patched:
        patched.setattr(Failpoints, "reach", crashing(at))
        with pytest.raises(Crash):
            await repo.commit("f", idempotencyKey="k")
    moved, intended = at in {"swap:after", "record:before", "record:after"}, at in LEFT_OPEN
    assert (repo.git("rev-parse", "work") != before) is moved
    assert await repo.intents() == intended
    assert await repo.client.slipway.workers.adoption.finish() == intended
    assert (await repo.branch())["headSha"] == repo.git("rev-parse", "work")
    assert await repo.intents() == 0
    retried = await repo.commit("f", idempotencyKey="k")
    assert retried["errors"] == []
    assert retried["commit"]["sha"] == repo.git("rev-parse", "work")
    assert len(retried["events"]) == 2
    assert repo.git("rev-list", "--count", "work") == "2"
    await repo.log_is_whole()


async def test_a_caller_who_goes_away_leaves_no_move_half_done_and_no_turn_taken(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_swap, go_on = asyncio.Event(), asyncio.Event()
    swap = EmbeddedGit.swap

    async def slow(self: EmbeddedGit, *arguments: Any, **more: Any) -> None:
        at_the_swap.set()
        await go_on.wait()
        await swap(self, *arguments, **more)

    monkeypatch.setattr(EmbeddedGit, "swap", slow)
    gone = asyncio.create_task(repo.commit("a"))
    await at_the_swap.wait()
    gone.cancel()
    behind = asyncio.create_task(repo.commit("b"))
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert repo.git("rev-list", "--count", "work") == "1"
    go_on.set()
    assert (await behind)["errors"] == []
    assert repo.git("rev-list", "--count", "work") == "3"
    assert (await repo.branch())["headSha"] == repo.git("rev-parse", "work")


async def test_adoption_that_looked_before_a_slow_swap_loses_nothing(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = EmbeddedGit.swap

    async def slow(self: EmbeddedGit, *arguments: Any, **more: Any) -> None:
        assert await repo.client.slipway.workers.adoption.finish() == 1
        await swap(self, *arguments, **more)

    monkeypatch.setattr(EmbeddedGit, "swap", slow)
    made = await repo.commit("a", idempotencyKey="k")
    assert [event["eventType"] for event in made["events"]] == ["BranchUpdated", "CommitCreated"]
    assert made["commit"]["sha"] == (await repo.branch())["headSha"] == repo.git("rev-parse", "work")


async def test_a_branch_that_another_process_moves_is_decided_again(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap, rivals = EmbeddedGit.swap, iter([True])

    async def late(self: EmbeddedGit, *arguments: Any, **more: Any) -> None:
        if next(rivals, False):
            tree = repo.git("rev-parse", "work^{tree}")
            rival = repo.git("-c", "user.name=r", "-c", "user.email=r@e", "commit-tree", tree, "-p", "work", "-m", "r")
            repo.git("update-ref", "refs/heads/work", rival)
        await swap(self, *arguments, **more)

    monkeypatch.setattr(EmbeddedGit, "swap", late)
    made = await repo.commit("a")
    assert made["errors"] == []
    assert repo.git("rev-list", "--count", "work") == "3"
    assert await repo.intents() == 0


async def test_a_limited_token_and_another_tenant_move_nothing(repo: Repo, operator: Client) -> None:
    other = await operator.tenant("other")
    mine = (await repo.client.done("createProject", "project { id }", name="mine"))["project"]["id"]
    limited = await repo.client.limited(mine, ["REPOSITORIES_WRITE"])
    for stranger in (other, limited):
        change = [{"path": "x", "content": ""}]
        refusals = [
            await stranger.do("createCommit", FIELDS, repositoryId=repo.id, branch="work", message="m", changes=change),
            await stranger.do("createBranch", "branch { id }", repositoryId=repo.id, name="x"),
        ]
        assert [one["errors"][0]["code"] for one in refusals] == ["NOT_FOUND"] * 2
