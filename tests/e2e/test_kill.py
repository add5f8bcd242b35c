"""Writers at once while the server is killed again and again: what was accepted takes effect once, and all is whole."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from storage.tables.operations import EventRow
from storage.tables.source_control import CommitRow, PullRequestRow, RepositoryRow
from tests.e2e.children import Child
from tests.e2e.served import done
from tests.e2e.survivors import Survivor
from tests.e2e.wholeness import Folder

KILLS = 6
MADE = "query($id: ID!) { node(id: $id) { ... on Repository { status } } }"
CHECKED = "query($id: ID!) { node(id: $id) { ... on PullRequest { checksStatus } } }"


class Writers:
    """Each repeats its own kind of work until it is told to end; what it asked for is noted once it was answered."""

    def __init__(self, client: Survivor, admin: str, repository: str, module: str, clone: Path) -> None:
        self._client, self._admin, self._module, self._clone = client, admin, module, clone
        self._here = {"repositoryId": repository}
        self.ended = asyncio.Event()
        self.messages: list[str] = []
        self.merged: list[str] = []
        self.repositories: list[str] = []

    async def all(self) -> None:
        kinds = [self.commit("a"), self.commit("b"), self.commit("c"), self.push(), self.provision(), self.merge()]
        await asyncio.gather(*kinds)

    async def _repeat(self, once: Callable[[int], Awaitable[None]]) -> None:
        number = 0
        while not self.ended.is_set():
            await once(number)
            number += 1

    async def _commit(self, message: str, branch: str, path: str) -> None:
        fields = self._here | {"branch": branch, "message": message, "changes": [{"path": path, "content": message}]}
        await self._client.do(self._admin, message, "createCommit", "commit { id }", **fields)
        self.messages.append(message)

    async def commit(self, name: str) -> None:
        """Onto the branch that all of them move."""
        await self._repeat(lambda number: self._commit(f"{name}{number}", "shared", name))

    async def push(self) -> None:
        """With stock git, onto a branch that nobody else moves."""

        async def once(number: int) -> None:
            (self._clone / "pushed").write_text(f"{number}\n")
            await done("add", "pushed", at=self._clone)
            await done("commit", "--quiet", "-m", f"p{number}", at=self._clone)
            await self._client.push(self._admin, self._clone, "/git/acme/booking/m.git", "HEAD:refs/heads/pushed")
            self.messages.append(f"p{number}")

        await self._repeat(once)

    async def provision(self) -> None:
        """Repositories, which a worker makes."""

        async def once(number: int) -> None:
            fields = {"moduleId": self._module, "name": f"r{number}"}
            await self._client.do(self._admin, f"r{number}", "provisionRepository", "repository { id }", **fields)
            self.repositories.append(f"r{number}")
            await asyncio.sleep(0.1)

        await self._repeat(once)

    async def merge(self) -> None:
        """A branch, a commit, a pull request that a worker checks, and its merge."""

        async def once(number: int) -> None:
            do, name = self._client.do, f"m{number}"
            await do(self._admin, f"{name}-branch", "createBranch", "branch { id }", name=name, **self._here)
            await self._commit(name, name, name)
            fields = self._here | {"sourceBranch": name, "title": name}
            opened = await do(self._admin, f"{name}-open", "openPullRequest", "pullRequest { id sourceSha }", **fields)
            await self._client.until(
                self._admin, CHECKED, lambda a: bool(a["node"]["checksStatus"] == "PASSED"), id=opened["id"]
            )
            fields = {"pullRequestId": opened["id"], "expectedSourceSha": opened["sourceSha"], "message": f"+{name}"}
            await do(self._admin, f"{name}-merge", "mergePullRequest", "pullRequest { id }", **fields)
            self.messages.append(f"+{name}")
            self.merged.append(name)

        await self._repeat(once)


async def prepared(client: Survivor, operator: str, clone: Path) -> Writers:
    make = 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
    admin = (await client.ask(operator, make))["createTenant"]["token"]
    project = await client.do(admin, "project", "createProject", "project { id }", name="booking")
    fields = {"projectId": project["id"], "name": "m", "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    module = (await client.do(admin, "module", "registerModule", "module { id }", **fields))["id"]
    fields = {"moduleId": module, "requiredReviews": 0}
    repository = (await client.do(admin, "repository", "provisionRepository", "repository { id }", **fields))["id"]
    await client.until(admin, MADE, lambda a: bool(a["node"]["status"] == "PROVISIONED"), id=repository)
    branch = {"repositoryId": repository, "name": "shared"}
    await client.do(admin, "shared", "createBranch", "branch { id }", **branch)
    (path,) = (client.data / "git").glob(f"*/{repository.partition('-')[2]}.git")
    await done("clone", "--quiet", str(path), str(clone))
    return Writers(client, admin, repository, module, clone)


@pytest.mark.parametrize("seed", [7, 11])
async def test_what_was_accepted_takes_effect_exactly_once(tmp_path: Path, seed: int) -> None:
    moments, data = random.Random(seed), tmp_path / "data"
    server = Child(data, {"SLIPWAY_DRAIN_SECONDS": "0"})
    assert await server.ready()
    assert server.end(signal.SIGTERM) == 0
    client = Survivor(data)
    looked = Folder(data)
    try:
        writers = await prepared(client, server.token(), tmp_path / "clone")
        writing = asyncio.create_task(writers.all())
        for _ in range(KILLS):
            await client.url()
            await asyncio.sleep(moments.uniform(0.02, 0.7))
            client.kill()
        writers.ended.set()
        await writing
        assert client.deaths == KILLS
        await client.repeat()
        await looked.rest(client.url)
        await looked.check()
        commits = Counter(row.message.strip() for row in await looked.rows(CommitRow))
        repositories = {row.name: row.status for row in await looked.rows(RepositoryRow)}
        merged = [row.title for row in await looked.rows(PullRequestRow) if row.status == "MERGED"]
        events = Counter(row.event_type for row in await looked.rows(EventRow))
    finally:
        await looked.close()
        await client.close()
    assert len(writers.messages) > KILLS
    assert {message: commits[message] for message in writers.messages} == dict.fromkeys(writers.messages, 1)
    assert repositories == {"m": "PROVISIONED"} | dict.fromkeys(writers.repositories, "PROVISIONED")
    assert sorted(merged) == sorted(writers.merged)
    assert events["RepositoryProvisioned"] == len(repositories)
    assert events["PullRequestMerged"] == len(merged)
