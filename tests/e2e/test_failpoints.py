"""Killed at each failpoint and started again: every accepted command has its effect once, and Git and rows agree."""

import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from services.failpoints import NAMES
from storage.tables.operations import EventRow
from tests.e2e.children import Child
from tests.e2e.served import done
from tests.e2e.survivors import Survivor
from tests.e2e.wholeness import Folder

MOVES: Final = 4
WORKERS: Final = ("dispatch", "cursor", "act", "effect")
GOES_ON_BEYOND: Final = {"commit:after", "swap:after", "record:before", "record:after", "cursor:after", "effect:after"}
MADE: Final = {
    "ProjectCreated": 1,
    "ModuleRegistered": 1,
    "RepositoryProvisioningRequested": 1,
    "RepositoryProvisioned": 1,
    "BranchCreated": 4,
    "BranchUpdated": 2,
    "CommitCreated": 5,
    "PullRequestOpened": 1,
    "PullRequestReviewed": 1,
    "PullRequestMerged": 1,
}
STATUS = "query($id: ID!) { node(id: $id) { ... on Repository { status } } }"
CHECKED = "query($id: ID!) { node(id: $id) { ... on PullRequest { checksStatus } } }"


def times(name: str) -> int:
    """How often the server dies of it: at each move, and three times in workers, whose fourth death is given up."""
    return 3 if name.partition(":")[0] in WORKERS else MOVES


def armed(name: str, deaths: int) -> str | None:
    """A server that is started again reaches some names once more for what it was at, and must live beyond that."""
    if deaths == times(name):
        return None
    return f"{name}#2" if deaths and name not in GOES_ON_BEYOND else name


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def warmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str, str]:
    """A data folder with a tenant; the tokens of its operator, its admin and a reviewer."""
    data = tmp_path_factory.mktemp("warmed") / "data"
    server = Child(data, {"SLIPWAY_DRAIN_SECONDS": "0"})
    assert await server.ready()
    operator = server.token()
    assert server.end(signal.SIGTERM) == 0
    client = Survivor(data)
    made = await client.ask(
        operator, 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
    )
    admin = made["createTenant"]["token"]
    who = await client.do(
        admin, "reviewer", "createIdentity", "identity { id }", name="reviewer", kind="HUMAN", email="r@example.test"
    )
    issue = """mutation($who: ID!) { issueToken(input: {identityId: $who, name: "t", scopes: [REPOSITORIES_WRITE]}) {
        secret } }"""
    reviewer = (await client.ask(admin, issue, who=who["id"]))["issueToken"]["secret"]
    client.kill()
    await client.close()
    return data, operator, admin, reviewer


async def journey(client: Survivor, operator: str, admin: str, reviewer: str, clone: Path) -> None:
    """From a tenant to a merged pull request and a push of two new branches; every answer is kept."""
    email = {"adminEmail": "b@example.test"}
    await client.do(operator, "tenant", "createTenant", "tenant { id }", name="beta", **email)
    project = await client.do(admin, "project", "createProject", "project { id }", name="booking")
    fields = {"projectId": project["id"], "name": "m", "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    module = await client.do(admin, "module", "registerModule", "module { id }", **fields)
    fields = {"moduleId": module["id"]}
    repository = (await client.do(admin, "repository", "provisionRepository", "repository { id }", **fields))["id"]
    await client.until(admin, STATUS, lambda a: bool(a["node"]["status"] == "PROVISIONED"), id=repository)
    here = {"repositoryId": repository}
    await client.do(admin, "branch", "createBranch", "branch { id }", name="work", **here)
    changes = [{"path": "a.py", "content": "A = 1\n"}]
    fields = here | {"branch": "work", "message": "Add a", "changes": changes}
    await client.do(admin, "commit", "createCommit", "commit { id }", **fields)
    fields = here | {"sourceBranch": "work", "title": "Add a"}
    opened = await client.do(admin, "open", "openPullRequest", "pullRequest { id sourceSha }", **fields)
    one = {"pullRequestId": opened["id"]}
    fields = one | {"verdict": "APPROVE", "sourceSha": opened["sourceSha"]}
    await client.do(reviewer, "review", "reviewPullRequest", "pullRequest { id }", **fields)
    await client.until(admin, CHECKED, lambda a: bool(a["node"]["checksStatus"] == "PASSED"), id=opened["id"])
    fields = one | {"expectedSourceSha": opened["sourceSha"]}
    await client.do(admin, "merge", "mergePullRequest", "pullRequest { id }", **fields)
    await push(client, admin, repository, clone)


async def push(client: Survivor, admin: str, repository: str, clone: Path) -> None:
    (path,) = (client.data / "git").glob(f"*/{repository.partition('-')[2]}.git")
    await done("clone", "--quiet", str(path), str(clone))
    for name in ("left", "right"):
        await done("switch", "--quiet", "-c", name, "origin/main", at=clone)
        (clone / name).write_text("pushed\n")
        await done("add", name, at=clone)
        await done("commit", "--quiet", "-m", f"Add {name}", at=clone)
    await client.push(admin, clone, "/git/acme/booking/m.git", "left", "right")


@pytest.mark.parametrize("name", NAMES)
async def test_a_server_killed_there_loses_nothing_and_does_nothing_twice(
    name: str, warmed: tuple[Path, str, str, str], tmp_path: Path
) -> None:
    folder, operator, admin, reviewer = warmed
    data = Path(shutil.copytree(folder, tmp_path / "data"))
    client, looked = Survivor(data, lambda deaths: armed(name, deaths)), Folder(data)
    try:
        await journey(client, operator, admin, reviewer, tmp_path / "clone")
        await client.repeat()
        await looked.rest(client.url)
        assert client.deaths == times(name)
        client.kill()
        await looked.check()
        told = Counter(row.event_type for row in await looked.rows(EventRow))
    finally:
        await looked.close()
        await client.close()
    assert {kind: told[kind] for kind in MADE} == MADE
