"""Reading Git through GraphQL: folders, files, history, diffs and tried merges, within bounds and walls."""

import base64
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import event

from tests.api.conftest import Client
from tests.api.test_commits import Repo, repo

__all__ = ["repo"]
ABSENT = "0" * 40


async def read(repo: Repo, selection: str, client: Client | None = None) -> Any:
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ {selection} }} }} }}"
    return (await (client or repo.client).ask(query, id=repo.id))["node"]


async def refused(repo: Repo, selection: str) -> tuple[str, str]:
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ {selection} }} }} }}"
    (error,) = (await repo.client.raw(query, {"id": repo.id})).json()["errors"]
    return error["extensions"]["code"], error["message"]


def piped(repo: Repo, content: str, *arguments: str) -> str:
    command = ["git", "-C", str(repo.path), *arguments]
    return subprocess.run(command, input=content, capture_output=True, text=True, check=True).stdout.strip()


def behind_our_back(repo: Repo, branch: str, count: int, start: str) -> list[str]:
    """Commits that nobody recorded, as a large push leaves them; newest first."""
    tree, shas = repo.git("rev-parse", f"{start}^{{tree}}"), [start]
    for number in range(count):
        who = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.test"}
        who |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.test"}
        command = ["git", "-C", str(repo.path), "commit-tree", tree, "-p", shas[-1], "-m", f"c{number}"]
        shas.append(subprocess.run(command, env=who, capture_output=True, text=True, check=True).stdout.strip())
    if branch:
        repo.git("update-ref", f"refs/heads/{branch}", shas[-1])
    return shas[:0:-1]


@asynccontextmanager
async def statements(repo: Repo) -> AsyncIterator[list[str]]:
    """What is read from the database meanwhile, but for the log, where revoked tokens are looked for each second."""
    await repo.client.ask("{ viewer { scopes } }")
    said: list[str] = []
    engine = repo.client.slipway.database._reader.sync_engine

    def heard(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("SELECT") and not re.search(r"FROM events\b", statement):
            said.append(statement)

    event.listen(engine, "before_cursor_execute", heard)
    yield said
    event.remove(engine, "before_cursor_execute", heard)


async def test_folders_page_at_one_commit_whatever_is_committed_meanwhile(repo: Repo) -> None:
    changes = [{"path": path, "content": "12345"} for path in ("b/x.py", "b/y.py", "c", "run.sh")]
    changes[3]["mode"] = "EXECUTABLE"
    sha = (await repo.commit("", changes=changes))["commit"]["sha"]
    fields = "nodes { name path kind mode size } pageInfo { hasNextPage endCursor }"
    seen = (await read(repo, f'tree(ref: "work") {{ commitSha path entries(first: 4) {{ {fields} totalCount }} }}'))[
        "tree"
    ]
    assert (seen["commitSha"], seen["path"], seen["entries"]["totalCount"]) == (sha, "", 6)
    assert seen["entries"]["nodes"][3] == {"name": "b", "path": "b", "kind": "TREE", "mode": "040000", "size": None}
    after = seen["entries"]["pageInfo"]["endCursor"]
    await repo.commit("aa")
    rest = await read(repo, f'tree(ref: "{sha}") {{ entries(after: "{after}") {{ {fields} }} }}')
    assert [(entry["name"], entry["mode"]) for entry in rest["tree"]["entries"]["nodes"]] == [
        ("c", "100644"), ("run.sh", "100755"),
    ]  # fmt: skip
    assert rest["tree"]["entries"]["pageInfo"]["hasNextPage"] is False
    inner = await read(repo, 'branch(name: "work") { tree(path: "b") { entries { nodes { path size } } } }')
    assert inner["branch"]["tree"]["entries"]["nodes"] == [{"path": "b/x.py", "size": 5}, {"path": "b/y.py", "size": 5}]


async def test_files_are_text_or_bytes(repo: Repo) -> None:
    changes = [
        {"path": "bin", "content": base64.b64encode(b"\x00\xff").decode(), "encoding": "BASE64"},
        {"path": "text", "content": "grüß\n"},
        {"path": "link", "content": "text", "mode": "SYMLINK"},
    ]
    await repo.commit("", changes=changes)
    fields = "path size mode isBinary text base64"
    seen = await read(
        repo, " ".join(f'{n}: file(path: "{n}", ref: "work") {{ {fields} }}' for n in ("bin", "text", "link"))
    )
    assert seen["bin"] == {
        "path": "bin", "size": 2, "mode": "100644", "isBinary": True, "text": None, "base64": "AP8=",
    }  # fmt: skip
    assert (seen["text"]["text"], seen["text"]["size"], seen["text"]["isBinary"]) == ("grüß\n", 7, False)
    assert (seen["link"]["mode"], seen["link"]["text"]) == ("120000", "text")
    assert base64.b64decode(seen["text"]["base64"]).decode() == "grüß\n"


@pytest.mark.parametrize(
    ("selection", "code", "told"),
    [
        ('file(path: "absent") { size }', "NOT_FOUND", "'absent'"),
        ('file(path: "README.md/x") { size }', "NOT_FOUND", "README.md/x"),
        ('file(path: "") { size }', "INVALID_INPUT", "1 to 4096 bytes"),
        ('file(path: "../x") { size }', "INVALID_INPUT", "relative"),
        ('file(path: "/etc/passwd") { size }', "INVALID_INPUT", "relative"),
        ('file(path: "a\\u0000b") { size }', "INVALID_INPUT", "control"),
        ('file(path: "a\\u001bb") { size }', "INVALID_INPUT", "control"),
        (f'file(path: "{"a" * 5_000}") {{ size }}', "INVALID_INPUT", "1 to 4096 bytes"),
        ('file(path: "x", ref: "absent") { size }', "NOT_FOUND", "branch 'absent'"),
        ('file(path: "x", ref: "a..b") { size }', "INVALID_INPUT", "'..'"),
        ('file(path: "x", ref: "HEAD~1") { size }', "INVALID_INPUT", "not a branch name"),
        ('file(path: "x", ref: "refs/heads/../../HEAD") { size }', "INVALID_INPUT", "'..'"),
        (f'file(path: "x", ref: "{ABSENT}") {{ size }}', "NOT_FOUND", "no commit"),
        ('tree(path: "README.md") { entries { nodes { name } } }', "NOT_FOUND", "README.md"),
        ('tree(path: "a//b") { entries { nodes { name } } }', "INVALID_INPUT", "relative"),
        ('tree { entries(first: 101) { nodes { name } } }', "INVALID_INPUT", "1 to 100"),
        ('tree { entries(after: "%") { nodes { name } } }', "INVALID_INPUT", "cursor"),
        ('commits(after: "e30") { nodes { sha } }', "INVALID_INPUT", "cursor"),
        ('commits(first: 0) { nodes { sha } }', "INVALID_INPUT", "1 to 100"),
        ('commits(ref: "absent") { nodes { sha } }', "NOT_FOUND", "branch 'absent'"),
        ('diff(base: "main", head: "absent") { truncated }', "NOT_FOUND", "branch 'absent'"),
        ('mergePreview(source: "absent") { isMergeable }', "NOT_FOUND", "branch 'absent'"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_says_what_is_wrong(repo: Repo, selection: str, code: str, told: str) -> None:
    got = await refused(repo, selection)
    assert got[0] == code
    assert told in got[1]


@pytest.mark.parametrize("sha", ["main", "abc", "A" * 40, ABSENT + "0", "../../etc"])
async def test_a_malformed_sha_is_refused_before_anything_is_read(repo: Repo, sha: str) -> None:
    query = "query($id: ID!, $sha: GitSha!) { commit(repository: $id, sha: $sha) { id } }"
    (error,) = (await repo.client.raw(query, {"id": repo.id, "sha": sha})).json()["errors"]
    assert "is not a sha: expected 40 lower-case hex digits" in error["message"]


async def test_a_file_over_a_mebibyte_is_refused_with_both_sizes(repo: Repo) -> None:
    blob = piped(repo, "x" * 1_048_577, "hash-object", "-w", "--stdin")
    tree = piped(repo, f"100644 blob {blob}\tbig\n", "mktree")
    commit = repo.git("-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", tree, "-m", "m")
    repo.git("update-ref", "refs/heads/big", commit)
    code, message = await refused(repo, 'file(path: "big", ref: "big") { text }')
    assert (code, "1,048,577" in message, "1,048,576" in message) == ("INVALID_INPUT", True, True)
    assert (await read(repo, 'tree(ref: "big") { entries { nodes { size } } }'))["tree"]["entries"]["nodes"] == [
        {"size": 1_048_577}
    ]


async def test_history_pages_stay_with_the_sha_they_began_at(repo: Repo) -> None:
    shas = [(await repo.commit(f"f{number}"))["commit"]["sha"] for number in range(4)][::-1]
    fields = "nodes { sha } pageInfo { hasNextPage endCursor }"
    page = (await read(repo, f'commits(ref: "work", first: 2) {{ {fields} totalCount }}'))["commits"]
    assert ([one["sha"] for one in page["nodes"]], page["totalCount"]) == (shas[:2], 5)
    await repo.commit("later")
    rest = (await read(repo, f'commits(ref: "work", after: "{page["pageInfo"]["endCursor"]}") {{ {fields} }}'))[
        "commits"
    ]
    assert [one["sha"] for one in rest["nodes"]] == [*shas[2:], repo.git("rev-parse", "main")]
    assert rest["pageInfo"]["hasNextPage"] is False
    below = await read(repo, 'branch(name: "work") { headCommit { sha commits(first: 1) { nodes { sha } } } }')
    head = repo.git("rev-parse", "work")
    assert below["branch"]["headCommit"] == {"sha": head, "commits": {"nodes": [{"sha": head}]}}


async def test_commits_that_nobody_recorded_are_read_and_get_their_ids(repo: Repo) -> None:
    shas = behind_our_back(repo, "pushed", 5, repo.git("rev-parse", "main"))
    before = await repo.log_is_whole()
    page = await read(repo, 'commits(ref: "pushed", first: 3) { nodes { id sha message createdOnBranch authorName } }')
    nodes = page["commits"]["nodes"]
    assert [(one["sha"], one["message"]) for one in nodes] == list(zip(shas[:3], ("c4\n", "c3\n", "c2\n"), strict=True))
    assert {(one["createdOnBranch"], one["authorName"]) for one in nodes} == {("pushed", "Ann")}
    again = (await read(repo, 'commits(ref: "pushed", first: 3) { nodes { id } }'))["commits"]["nodes"]
    assert again == [{"id": one["id"]} for one in nodes]
    query = """query($repo: ID!, $sha: GitSha!, $id: ID!) {
        commit(repository: $repo, sha: $sha) { sha } node(id: $id) { id } }"""
    found = await repo.client.ask(query, repo=repo.id, sha=shas[4], id=nodes[0]["id"])
    assert found == {"commit": {"sha": shas[4]}, "node": {"id": nodes[0]["id"]}}
    assert await repo.log_is_whole() == before


async def test_a_commit_that_no_branch_reaches_is_not_answered(repo: Repo) -> None:
    (loose,) = behind_our_back(repo, "", 1, repo.git("rev-parse", "main"))
    query = "query($repo: ID!, $sha: GitSha!) { commit(repository: $repo, sha: $sha) { sha } }"
    for sha in (loose, ABSENT):
        assert await repo.client.ask(query, repo=repo.id, sha=sha) == {"commit": None}
    assert (await refused(repo, f'commits(ref: "{loose}") {{ nodes {{ sha }} }}'))[0] == "NOT_FOUND"


async def test_diffs_of_refs_and_of_commits(repo: Repo) -> None:
    first = (await repo.commit("a", "1\n2\n"))["commit"]["sha"]
    changes = [{"path": "a", "content": "1\n3\n"}, {"path": "README.md", "delete": True}]
    await repo.commit("", changes=changes)
    files = "baseSha filesChanged truncated files { path oldPath status insertions deletions patch isBinary truncated }"
    whole = (await read(repo, f'diff(base: "main", head: "work") {{ {files} }}'))["diff"]
    assert (whole["filesChanged"], whole["truncated"], whole["baseSha"]) == (2, False, repo.git("rev-parse", "main"))
    assert [(one["path"], one["status"], one["insertions"]) for one in whole["files"]] == [
        ("README.md", "DELETED", 0), ("a", "ADDED", 2),
    ]  # fmt: skip
    last = (await read(repo, f'branch(name: "work") {{ headCommit {{ diff {{ {files} }} }} }}'))["branch"]["headCommit"]
    assert last["diff"]["baseSha"] == first
    assert last["diff"]["files"][1]["patch"].endswith("@@ -1,2 +1,2 @@\n 1\n-2\n+3\n")
    root = (await read(repo, f"commits {{ nodes {{ diff {{ {files} }} }} }}"))["commits"]["nodes"][0]["diff"]
    assert (root["baseSha"], root["filesChanged"]) == (None, 3)


async def test_a_tried_merge_names_what_conflicts_and_writes_nothing(repo: Repo) -> None:
    await repo.client.done("createBranch", "branch { id }", repositoryId=repo.id, name="rival")
    await repo.commit("both", "ours\n")
    await repo.commit("both", "theirs\n", branch="rival")
    before = repo.git("for-each-ref")
    fields = "sourceSha targetSha isMergeable conflicts"
    bad = f'bad: mergePreview(source: "rival", target: "work") {{ {fields} }}'
    seen = await read(repo, f'{bad} good: mergePreview(source: "rival") {{ {fields} }}')
    work, rival, main = (repo.git("rev-parse", name) for name in ("work", "rival", "main"))
    assert seen["bad"] == {"sourceSha": rival, "targetSha": work, "isMergeable": False, "conflicts": ["both"]}
    assert seen["good"] == {"sourceSha": rival, "targetSha": main, "isMergeable": True, "conflicts": []}
    assert repo.git("for-each-ref") == before


async def test_a_repository_that_is_not_made_yet_says_so(admin: Client) -> None:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    fields = {"name": "m", "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    module = await admin.done("registerModule", "module { id }", projectId=project, **fields)
    made = await admin.done("provisionRepository", "repository { id }", moduleId=module["module"]["id"])
    code, message = await refused(Repo(admin, project, made["repository"]["id"]), "tree { commitSha }")
    assert (code, "PROVISIONING" in message) == ("PRECONDITION_FAILED", True)


async def test_more_than_fifty_reads_side_by_side_are_refused(repo: Repo) -> None:
    shas = behind_our_back(repo, "long", 60, repo.git("rev-parse", "main"))
    assert len((await read(repo, 'commits(ref: "long", first: 60) { nodes { sha } }'))["commits"]["nodes"]) == len(shas)
    query = 'commits(ref: "long", first: 60) { nodes { diff { filesChanged } } }'
    answer = (
        await repo.client.raw(
            f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ {query} }} }} }}", {"id": repo.id}
        )
    ).json()
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID_INPUT"}
    assert "at most 50" in answer["errors"][0]["message"]


async def test_neighbours_cost_the_same_statements_at_1_and_20(repo: Repo) -> None:
    for number in range(20):
        await repo.client.done("createBranch", "branch { id }", repositoryId=repo.id, name=f"b{number}")
        await repo.commit(f"f{number}", branch=f"b{number}")
        fields = {"repositoryId": repo.id, "sourceBranch": f"b{number}", "title": "t"}
        await repo.client.done("openPullRequest", "pullRequest { id }", **fields)
    for selection in NEIGHBOURS:
        counts = []
        for size in (1, 20):
            async with statements(repo) as said:
                answer = await read(repo, selection.replace("PAGE", f"(first: {size})"))
            (found,) = answer.values()
            assert len(found["nodes"]) == size
            counts.append(len(said))
        assert (selection, counts[0]) == (selection, counts[1])


NEIGHBOURS = (
    "branches PAGE { nodes { repository { project { repositories(first: 1) { nodes { name } } } } } }",
    "branches PAGE { nodes { headCommit { pullRequests(first: 1) { nodes { number } } } } }",
    "branches PAGE { nodes { commits(first: 2) { nodes { artifact { name } repository { name } } } } }",
    "branches PAGE { nodes { tree { entries(first: 1) { nodes { name } } } } }",
    "pullRequests PAGE { nodes { repository { name } source { name } target { headCommit { sha } } } }",
    "pullRequests PAGE { nodes { commits(first: 2) { nodes { mergedPullRequests(first: 1) { nodes { id } } } } } }",
    "pullRequests PAGE { nodes { diff { filesChanged } mergeCommit { sha } } }",
)


READS = (
    "tree { commitSha }",
    'file(path: "README.md") { text }',
    "commits { nodes { sha } }",
    'branch(name: "work") { name }',
    "pullRequest(number: 1) { id }",
    'diff(base: "main", head: "work") { filesChanged }',
    'mergePreview(source: "work") { isMergeable }',
)


async def test_no_read_crosses_a_wall_and_foreign_looks_as_absent(repo: Repo, operator: Client) -> None:
    sha = (await repo.commit("secret"))["commit"]["sha"]
    other = await operator.tenant("other")
    mine = (await repo.client.done("createProject", "project { id }", name="mine"))["project"]["id"]
    limited = await repo.client.limited(mine, ["REPOSITORIES_WRITE"])
    query = """query($id: ID!, $sha: GitSha!) { commit(repository: $id, sha: $sha) { sha }
        branch(repository: $id, name: "work") { name } pullRequest(repository: $id, number: 1) { id } }"""
    for stranger in (other, limited):
        for selection in READS:
            assert await read(repo, selection, stranger) is None
        for id in (repo.id, "repo-" + "0" * 32):
            told = await stranger.ask(query, id=id, sha=sha)
            assert told == {"commit": None, "branch": None, "pullRequest": None}
    assert (await read(repo, READS[0]))["tree"] is not None
