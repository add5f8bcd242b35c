"""Stock git against a served installation: what it clones, pushes and reads on its screen; rows and Git agree after."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from main import Settings
from storage.tables.source_control import CommitRow
from tests.e2e.remotes import Remote, commit, provision
from tests.e2e.served import ServedClient, done, git, served

pytestmark = pytest.mark.asyncio(loop_scope="module")
_numbers = count(1)


@dataclass(frozen=True)
class Site:
    """One installation for all tests of the module; each makes a repository of its own."""

    operator: ServedClient
    admin: ServedClient
    project: str


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    data = tmp_path_factory.mktemp("site") / "data"
    async with served(Settings(data=data, push_bytes=64 * 1024 * 1024)) as (slipway, url, token):
        assert token is not None
        operator = ServedClient(slipway, token, url)
        admin = ServedClient(slipway, (await operator.tenant("acme")).token, url)
        project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
        yield Site(operator, admin, project)
        await operator.http.aclose()
        await admin.http.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def remote(site: Site) -> Remote:
    return await provision(site.admin, site.project, f"r{next(_numbers)}")


@pytest_asyncio.fixture(loop_scope="module")
async def clone(remote: Remote, tmp_path: Path) -> Path:
    return await remote.clone(tmp_path / "clone")


async def test_the_repository_says_where_it_is_cloned_from(site: Site, remote: Remote) -> None:
    query = "query($id: ID!) { node(id: $id) { ... on Repository { remoteUrl } } }"
    assert (await site.admin.ask(query, id=remote.id))["node"]["remoteUrl"] == remote.url


async def test_a_clone_holds_the_default_branch_and_its_head(remote: Remote, clone: Path) -> None:
    assert await done("rev-parse", "HEAD", at=clone) == (await remote.refs())["main"]
    assert await done("symbolic-ref", "HEAD", at=clone) == "refs/heads/main"
    assert (clone / "README.md").read_text() == f"# {remote.name}\n"


async def test_a_pushed_branch_is_the_same_rows_events_and_edges_as_a_commit_by_api(
    site: Site, remote: Remote, clone: Path
) -> None:
    first = await commit(clone, "a.txt", "1\n", "first")
    second = await commit(clone, "b/c.txt", "1\n2\n", "second")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    (created,) = [row for row in await remote.events("BranchCreated") if row.payload["name"] == "work"]
    assert created.payload["headSha"] == second
    told = (await remote.events("CommitCreated"))[-2:]
    assert [row.payload["sha"] for row in told] == [first, second]
    assert {(row.actor_id, row.trace_id) for row in told} == {(created.actor_id, created.trace_id)}
    row = next(row for row in await remote.rows(CommitRow) if row.sha == second)
    assert (row.author_name, row.author_email, row.created_on_branch) == ("Writer", "writer@example.test", "work")
    assert (row.message, row.parents, row.files_changed, row.insertions) == ("second\n", [first], 1, 2)
    await remote.agrees()


async def test_a_protected_branch_refuses_with_its_reason_on_the_screen(remote: Remote, clone: Path) -> None:
    before = await remote.refs()
    await commit(clone, "a.txt")
    ran = await git("push", "origin", "main", at=clone)
    assert ran.code == 1
    assert "remote: branch 'main' is protected: push to another branch and open a pull request from there" in ran.err
    assert "! [remote rejected] main -> main (protected branch: open a pull request)" in ran.err
    assert await remote.refs() == before
    await remote.agrees()
