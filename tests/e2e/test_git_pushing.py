"""What stock git pushes becomes the same rows, events and edges as an API's commit, before the push returns."""

import asyncio
import random
import time
from pathlib import Path
from uuid import UUID

import pytest

from storage.queries.lineage import LineageQueries
from storage.tables.source_control import CommitRow
from tests.e2e.conftest import Site
from tests.e2e.remotes import Remote, commit, made_by_worker
from tests.e2e.served import done, git

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def test_a_pushed_commit_and_an_api_commit_look_the_same_to_a_client(
    site: Site, remote: Remote, clone: Path
) -> None:
    await done("push", "--quiet", "origin", "main:work", at=clone)
    fields = {"repositoryId": remote.id, "branch": "work", "message": "m\n"}
    await site.admin.done("createCommit", "commit { id }", changes=[{"path": "a", "content": "x\n"}], **fields)
    await done("pull", "--quiet", "--ff-only", "origin", "work", at=clone)
    await commit(clone, "b")
    await done("push", "--quiet", "origin", "HEAD:work", at=clone)
    pushed, made = (await remote.events("CommitCreated"))[:-3:-1]
    assert pushed.payload.keys() == made.payload.keys()
    assert pushed.payload | {"sha": 0} == made.payload | {"sha": 0}
    moves = await remote.events("BranchUpdated")
    assert [row.payload["headSha"] for row in moves] == [made.payload["sha"], pushed.payload["sha"]]
    assert moves[0].payload.keys() == moves[1].payload.keys()
    assert (pushed.project_id, pushed.module_id, pushed.actor_id) == (made.project_id, made.module_id, made.actor_id)


async def test_an_existing_branch_is_pushed_further(remote: Remote, clone: Path) -> None:
    old = await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    new = await commit(clone, "b.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    (moved,) = await remote.events("BranchUpdated")
    assert (moved.payload["oldSha"], moved.payload["headSha"]) == (old, new)
    await remote.agrees()


async def test_an_unprotected_branch_is_rewritten_only_by_force_and_its_event_says_so(
    remote: Remote, clone: Path
) -> None:
    old = await commit(clone, "a.txt", "old\n")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    await done("commit", "--quiet", "--amend", "-m", "amended", at=clone)
    ran = await git("push", "origin", "main:work", at=clone)
    assert ran.code == 1
    assert "(non-fast-forward)" in ran.err
    await done("push", "--quiet", "--force", "origin", "main:work", at=clone)
    new = await commit(clone, "b.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    rewritten, moved = await remote.events("BranchUpdated")
    amended = await done("rev-parse", "HEAD~", at=clone)
    assert (rewritten.payload["oldSha"], rewritten.payload["headSha"], rewritten.payload["forced"]) == (
        old, amended, True,
    )  # fmt: skip
    assert (moved.payload["oldSha"], moved.payload["headSha"], moved.payload["forced"]) == (amended, new, False)
    assert old in {row.sha for row in await remote.rows(CommitRow)}
    await remote.agrees()


async def test_a_forced_push_of_a_pull_requests_source_leaves_it_open_at_the_new_head(
    site: Site, remote: Remote, clone: Path
) -> None:
    await commit(clone, "a.txt", "old\n")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    fields = {"repositoryId": remote.id, "sourceBranch": "work", "title": "t"}
    id = (await site.admin.done("openPullRequest", "pullRequest { id }", **fields))["pullRequest"]["id"]
    await done("commit", "--quiet", "--amend", "-m", "amended", at=clone)
    await done("push", "--quiet", "--force", "origin", "main:work", at=clone)
    sha = await done("rev-parse", "HEAD", at=clone)
    query = "query($id: ID!) { node(id: $id) { ... on PullRequest { status sourceSha } } }"
    deadline = time.monotonic() + 20
    while (await site.admin.ask(query, id=id))["node"] != {"status": "OPEN", "sourceSha": sha}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_of_a_long_history_the_newest_thousand_commits_and_each_head_are_recorded_at_once(
    site: Site, remote: Remote, clone: Path
) -> None:
    await imported(clone, 1_100)
    early = await done("rev-parse", "long~1050", at=clone)
    refspecs = ("long:refs/heads/a-long", "long~1050:refs/heads/b-early", "long~1051:refs/heads/c-earlier")
    await done("push", "--quiet", "origin", *refspecs, at=clone)
    rows = [row.sha for row in await remote.rows(CommitRow)]
    assert len(rows) == 1 + 1_000 + 2
    assert early in rows
    query = "query($id: ID!) { node(id: $id) { ... on Repository { branches { nodes { name headCommit { sha } } } } } }"
    branches = (await site.admin.ask(query, id=remote.id))["node"]["branches"]["nodes"]
    assert {one["name"]: one["headCommit"]["sha"] for one in branches} == await remote.refs()
    far = await done("rev-parse", "long~1080", at=clone)
    assert far not in rows
    fields = {"repositoryId": remote.id, "name": "far", "fromSha": far}
    made = await site.admin.done("createBranch", "branch { headCommit { sha } }", **fields)
    assert made["branch"]["headCommit"] == {"sha": far}
    query = (
        'query($id: ID!) { node(id: $id) { ... on Repository { commits(ref: "far", first: 2) { nodes { sha } } } } }'
    )
    seen = (await site.admin.ask(query, id=remote.id))["node"]["commits"]["nodes"]
    assert [one["sha"] for one in seen] == [far, await done("rev-parse", "long~1081", at=clone)]


async def imported(clone: Path, count: int) -> None:
    """A branch ``long`` of so many commits, in one go."""
    lines = []
    for number in range(count):
        text = f"{number}\n"
        lines.append(f"commit refs/heads/long\ncommitter Writer <w@example.test> {1_700_000_000 + number} +0000\n")
        lines.append(f"data {len(text)}\n{text}M 100644 inline f.txt\ndata {len(text)}\n{text}\n")
    process = await asyncio.create_subprocess_exec(
        "git", "fast-import", "--quiet", cwd=clone, stdin=asyncio.subprocess.PIPE
    )
    await process.communicate("".join(lines).encode())
    assert process.returncode == 0


async def test_a_pushs_events_carry_the_correlation_id_of_its_log_line(
    site: Site, remote: Remote, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    told = ""
    async with asyncio.timeout(5):
        while not (
            lines := [one for one in told.splitlines(keepends=True) if "git-receive-pack" in one and "POST" in one]
        ):
            await asyncio.sleep(0.02)  # the line is written once the client has its answer
            told += capsys.readouterr().out
    (line,) = lines
    created = (await remote.events("BranchCreated"))[-1]
    assert f"correlationId={created.correlation_id} " in line
    assert f"traceId={created.trace_id}" in line
    assert created.causation_id == created.correlation_id


async def test_a_branch_is_deleted_by_push_and_may_be_made_again(remote: Remote, clone: Path) -> None:
    sha = await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    await done("push", "--quiet", "origin", ":work", at=clone)
    (gone,) = await remote.events("BranchDeleted")
    assert (gone.payload["name"], gone.payload["headSha"]) == ("work", sha)
    assert (await remote.refs()).keys() == {"main"}
    await remote.agrees()
    await done("push", "--quiet", "origin", "main:work", at=clone)
    assert (await remote.refs())["work"] == sha
    await remote.agrees()


async def test_tags_come_and_go_and_make_no_rows(remote: Remote, clone: Path, tmp_path: Path) -> None:
    before = len(await remote.events("BranchCreated", "BranchUpdated", "CommitCreated"))
    await done("tag", "v1", at=clone)
    await done("tag", "-a", "v2", "-m", "annotated", at=clone)
    await done("push", "--quiet", "origin", "v1", "v2", at=clone)
    other = await remote.clone(tmp_path / "other")
    assert await done("tag", at=other) == "v1\nv2"
    await done("push", "--quiet", "origin", ":v1", at=clone)
    assert await done("tag", at=remote.path) == "v2"
    assert len(await remote.events("BranchCreated", "BranchUpdated", "CommitCreated")) == before
    await remote.agrees()


async def test_a_branch_and_a_tag_at_once_move_both(remote: Remote, clone: Path) -> None:
    await commit(clone, "a.txt")
    await done("tag", "v1", at=clone)
    await done("push", "--quiet", "--atomic", "origin", "main:work", "v1", at=clone)
    assert await done("rev-parse", "v1", at=remote.path) == (await remote.refs())["work"]
    await remote.agrees()


async def test_many_refs_are_pushed_and_deleted_at_once(remote: Remote, clone: Path) -> None:
    await commit(clone, "a.txt")
    names = [f"many/{number:03}" for number in range(200)]
    await done("push", "--quiet", "origin", *(f"main:refs/heads/{name}" for name in names), at=clone)
    assert len(await remote.refs()) == 201
    assert len(await remote.events("BranchCreated")) == 201
    await remote.agrees()
    await done("push", "--quiet", "origin", *(f":refs/heads/{name}" for name in names[1:]), at=clone)
    assert (await remote.refs()).keys() == {"main", names[0]}
    await remote.agrees()


async def test_a_push_into_its_target_completes_a_pull_request(site: Site, remote: Remote, clone: Path) -> None:
    await done("push", "--quiet", "origin", "main:stable", at=clone)
    sha = await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    fields = {"repositoryId": remote.id, "sourceBranch": "work", "targetBranch": "stable", "title": "t"}
    id = (await site.admin.done("openPullRequest", "pullRequest { id }", **fields))["pullRequest"]["id"]
    await done("push", "--quiet", "origin", "main:stable", at=clone)
    query = "query($id: ID!) { node(id: $id) { ... on PullRequest { status mergeSha mergedBy { name } } } }"
    assert (await site.admin.ask(query, id=id))["node"] == {
        "status": "MERGED", "mergeSha": sha, "mergedBy": {"name": "admin"},
    }  # fmt: skip
    (merged,) = [row for row in await remote.events("PullRequestMerged") if row.payload["mergeSha"] == sha]
    assert merged.payload["method"] == "PUSH"
    async with site.admin.slipway.database.reading(remote.access) as session:
        node = UUID(hex=id.split("-")[1])
        edges = await LineageQueries(session, remote.access).edges([node], downstream=True, limit=9)
    assert [edge.kind for edge in edges] == ["MERGED_AS"]
    await remote.agrees()


async def test_an_open_pull_request_follows_a_push_to_its_source(site: Site, remote: Remote, clone: Path) -> None:
    await commit(clone, "a.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    fields = {"repositoryId": remote.id, "sourceBranch": "work", "title": "t"}
    id = (await site.admin.done("openPullRequest", "pullRequest { id }", **fields))["pullRequest"]["id"]
    sha = await commit(clone, "b.txt")
    await done("push", "--quiet", "origin", "main:work", at=clone)
    query = "query($id: ID!) { node(id: $id) { ... on PullRequest { sourceSha } } }"
    deadline = time.monotonic() + 20
    while (await site.admin.ask(query, id=id))["node"]["sourceSha"] != sha:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_push_larger_than_memory_holds_passes_through_the_spool(
    remote: Remote, clone: Path, tmp_path: Path
) -> None:
    await commit(clone, "large.bin", random.Random(3).randbytes(6 * 1024 * 1024))
    await done("push", "--quiet", "origin", "main:work", at=clone)
    other = await remote.clone(tmp_path / "other", "--branch=work")
    assert (other / "large.bin").read_bytes() == (clone / "large.bin").read_bytes()
    await remote.agrees()


@pytest.mark.parametrize("allowed", [True, False])
async def test_an_environment_repository_takes_pushes_where_its_environment_allows_them(
    site: Site, tmp_path: Path, allowed: bool
) -> None:
    name = f"e-{allowed}".lower()
    fields = {"projectId": site.project, "name": name, "allowDirectPush": allowed}
    selection = "environment { repository { id name } }"
    made = (await site.admin.done("declareEnvironment", selection, **fields))["environment"]["repository"]
    remote = await made_by_worker(site.admin, site.project, made["name"], made["id"])
    clone = await remote.clone(tmp_path / "clone")
    sha = await commit(clone, "a.txt")
    ran = await git("push", "origin", "main", at=clone)
    assert (ran.code == 0) is allowed
    assert ((await remote.refs())["main"] == sha) is allowed
    await remote.agrees()
