"""Bad input by kind, wrong states and limits: each told with its field and what would pass, and nothing is written."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_asyncio
from sqlalchemy import Engine

from tests.api.conftest import Client, founded, serving
from tests.api.live import streamed
from tests.api.meanings import SCHEMA, arguments, operation
from tests.api.seeds import Seeds, run, seeded
from tests.api.untouched import stored
from tests.conftest import BOTH, new_database, outsider

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT: Any = SCHEMA.mutation_type


@dataclass(frozen=True)
class Office:
    """An author with a project in which some things are merged, closed, archived or not made yet, and a reviewer."""

    author: Client
    reviewer: Client
    seeds: Seeds
    engine: Engine

    def stored(self) -> dict[str, str]:
        return stored(self.engine, self.author.slipway.settings.data / "git")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BOTH)
async def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("bad")
    url = new_database(request, request.param, folder)
    async with founded(folder, url) as author:
        seeds = await seeded(author, "to000", "po000")
        who = {"name": "reviewer", "kind": "HUMAN", "email": "reviewer@example.test"}
        made = await author.done("createIdentity", "identity { id }", **who)
        token = {"identityId": made["identity"]["id"], "name": "t", "scopes": ["ADMIN"]}
        reviewer = Client(author.slipway, (await author.done("issueToken", "secret", **token))["secret"])
        await _pull_requests(author, seeds.values)
        await _repositories(author, seeds.values)
        await _environments(author, seeds.values)
        engine = outsider(url)
        yield Office(author, reviewer, seeds, engine)
        engine.dispose()


async def _pull_requests(author: Client, values: dict[str, str]) -> None:
    query = "query($id: ID!) { pullRequest(repository: $id, number: 1) { id sourceSha mergeCommit { treeHash } } }"
    merged = (await author.ask(query, id=values["Repository"]))["pullRequest"]
    values["merged"], values["merged sha"] = merged["id"], merged["sourceSha"]
    values["tree"] = merged["mergeCommit"]["treeHash"]
    fields = {"repositoryId": values["Repository"], "sourceBranch": values["Branch.name"], "title": "t"}
    made = await author.done("openPullRequest", "pullRequest { id }", **fields, targetBranch=values["Branch.merged"])
    values["closed"] = made["pullRequest"]["id"]
    await author.done("closePullRequest", "pullRequest { id }", pullRequestId=values["closed"])
    await author.done("createBranch", "branch { id }", repositoryId=values["Repository"], name="same")
    dead = {"deadLetterId": values["DeadLetter"]}
    await author.done("replayDelivery", "deadLetter { id }", **dead)


async def _repositories(author: Client, values: dict[str, str]) -> None:
    for name in ("archived", "made later"):
        fields = {"name": name.replace(" ", "-"), "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
        module = await author.done("registerModule", "module { id }", projectId=values["Project"], **fields)
        made = await author.done("provisionRepository", "repository { id }", moduleId=module["module"]["id"])
        values[name] = made["repository"]["id"]
        if name == "archived":
            requested = "RepositoryProvisioningRequested"
            await run(author.slipway, "RepositoryProvisioningWorker", made["events"], requested)
            await author.done("archiveRepository", "repository { id }", repositoryId=values[name])
    repository = "query($id: ID!) { node(id: $id) { ... on Environment { repository { id } } } }"
    found = await author.ask(repository, id=values["Environment"])
    values["of environment"] = found["node"]["repository"]["id"]


async def _environments(author: Client, values: dict[str, str]) -> None:
    for name in ("old-env", "new-env"):
        made = await author.done("declareEnvironment", "environment { id }", projectId=values["Project"], name=name)
        values[name] = made["environment"]["id"]
        if name == "old-env":
            requested = "RepositoryProvisioningRequested"
            await run(author.slipway, "RepositoryProvisioningWorker", made["events"], requested)
            await author.done("archiveEnvironment", "environment { id }", environmentId=values[name])


Given = dict[str, Any] | Callable[[dict[str, str]], dict[str, Any]]
Case = tuple[str, Given, str, str, str]  # mutation, what is bad of its input, code, field, a part of the message


def files(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"changes": list(changes)}


def file(path: str, content: str = "x\n", **more: Any) -> dict[str, Any]:
    return files({"path": path, "content": content, **more})


PATHS: Final[list[tuple[str, str]]] = [
    ("", "1 to 4096 bytes"),
    ("../up", "relative"),
    ("a/../../up", "relative"),
    ("..", "relative"),
    ("./a", "relative"),
    ("a//b", "relative"),
    ("a/", "relative"),
    ("/etc/passwd", "relative"),
    ("C:\\boot.ini", "not a backslash"),
    ("a\\..\\b", "not a backslash"),
    (".git/config", "'.git'"),
    (".GIT/hooks/post-update", "'.git'"),
    ("a/.Git/x", "'.git'"),
    (".git /config", "'.git'"),
    (".git./config", "'.git'"),
    (".git::$INDEX_ALLOCATION/config", "'.git'"),
    ("git~1/config", "'.git'"),
    ("GIT~2/config", "'.git'"),
    (".g\u200cit/config", "'.git'"),
    ("a\x00b", "control characters"),
    ("a\nb", "control characters"),
    ("a\x1b[2Jb", "control characters"),
    ("a" * 256, "at most 255 bytes"),
    ("ä" * 128, "at most 255 bytes"),
    ("a/" * 2_048 + "a", "1 to 4096 bytes"),
]
LINKS = ["/etc/passwd", "..", "../../x", "a/../../x", "", "a\nb", "..\\x"]
CHANGES: Final[list[tuple[dict[str, Any], str]]] = [
    (files(), "give at least one file"),
    (files({"path": "a"}), "give one of content, uploadDigest and delete"),
    (file("a", delete=True), "give one of content, uploadDigest and delete"),
    (files({"path": "a", "mode": "EXECUTABLE"}), "give one of content, uploadDigest and delete"),
    (files({"path": "nothing", "delete": True}), "no such file to delete"),
    (files({"path": "po000.txt/x", "delete": True}), "a file stands there"),
    (files({"path": "a", "content": "1"}, {"path": "a", "content": "2"}), "twice"),
    (files({"path": "a", "content": "1"}, {"path": "a", "delete": True}), "twice"),
    (files({"path": "a", "content": "1"}, {"path": "A", "content": "2"}), "in case only"),
    (file("PO000.TXT"), "in case only"),
    (files({"path": "a", "content": "1"}, {"path": "a/b", "content": "2"}), "a file and a folder"),
    (file("po000.txt/inside"), "a file stands there"),
    (file("a", "not base64!", encoding="BASE64"), "not BASE64"),
    (file("po000.txt", "po000-work\n"), "leave every file as it is"),
    (file(".gitmodules", "x", mode="SYMLINK"), "cannot be a symlink"),
]
BRANCHES = ["", "a..b", "-a", "a b", "a\x00b", "a\nb", "HEAD", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a~1",
            "a^", "a:b", "@", "a@{1}", "a\\b", "0" * 40, "a" * 201, "refs/heads/../x"]  # fmt: skip


def of(standing: str, key: str = "repositoryId", /, **more: Any) -> Callable[[dict[str, str]], dict[str, Any]]:
    """The node of this name, and more."""
    return lambda values: {key: values[standing], **more}


CASES: Final[list[Case]] = [
    *(("createCommit", file(path), "INVALID_INPUT", "changes", told) for path, told in PATHS),
    *(("createCommit", file("a", to, mode="SYMLINK"), "INVALID_INPUT", "changes", "tree") for to in LINKS),
    *(("createCommit", given, "INVALID_INPUT", "changes", told) for given, told in CHANGES),
    *(("createBranch", {"name": name}, "INVALID_INPUT", "name", "is not a branch name") for name in BRANCHES),
    *(
        ("createBranch", {"fromBranch": name}, "INVALID_INPUT", "fromBranch", "not a branch name")
        for name in BRANCHES[1:]
    ),
    *(("provisionRepository", {"defaultBranch": name}, "INVALID_INPUT", "defaultBranch", "name") for name in BRANCHES),
    ("createBranch", of("Branch.name", "name"), "CONFLICT", "name", "exists already"),
    ("createBranch", {"name": "main/x"}, "CONFLICT", "name", "cannot stand beside 'main'"),
    ("createBranch", {"fromBranch": "nothing"}, "NOT_FOUND", "fromBranch", "does not exist"),
    ("createBranch", {"fromSha": "0" * 40}, "NOT_FOUND", "fromSha", "there is no commit"),
    ("createBranch", of("tree", "fromSha"), "NOT_FOUND", "fromSha", "there is no commit"),
    ("createBranch", of("Commit.sha", "fromSha", fromBranch="main"), "INVALID_INPUT", "fromSha", "exclude each other"),
    ("createBranch", of("archived"), "PRECONDITION_FAILED", "repositoryId", "is ARCHIVED"),
    ("createCommit", of("archived", branch="main"), "PRECONDITION_FAILED", "repositoryId", "is ARCHIVED"),
    ("createCommit", of("made later", branch="main"), "PRECONDITION_FAILED", "repositoryId", "is PROVISIONING"),
    ("createCommit", {"branch": "main"}, "POLICY_DENIED", "branch", "is protected"),
    ("createCommit", {"branch": "nothing"}, "NOT_FOUND", "branch", "does not exist"),
    ("createCommit", {"expectedHeadSha": "0" * 40}, "CONFLICT", "expectedHeadSha", "refetch and retry"),
    ("createCommit", {"message": ""}, "INVALID_INPUT", "message", "1 to 10000 would pass"),
    ("protectBranch", of("archived", name="main"), "PRECONDITION_FAILED", "repositoryId", "is ARCHIVED"),
    ("protectBranch", {"requiredReviews": 99}, "INVALID_INPUT", "requiredReviews", "0 to"),
    ("protectBranch", {"isProtected": False, "requiredReviews": 1}, "INVALID_INPUT", "requiredReviews", "leave it out"),
    ("deleteBranch", of("archived", name="main"), "PRECONDITION_FAILED", "repositoryId", "is ARCHIVED"),
    ("deleteBranch", {"name": "main"}, "POLICY_DENIED", "name", "is the default branch"),
    ("deleteBranch", of("Branch.name", "name"), "PRECONDITION_FAILED", "name", "has open pull requests: #2"),
    ("deleteBranch", {"expectedHeadSha": "0" * 40}, "CONFLICT", "expectedHeadSha", "refetch and retry"),
    ("archiveRepository", of("made later"), "PRECONDITION_FAILED", "repositoryId", "wait for RepositoryProvisioned"),
    ("archiveRepository", of("of environment"), "PRECONDITION_FAILED", "repositoryId", "is an environment's"),
    ("provisionRepository", of("Repository.name", "name"), "CONFLICT", "name", "exists already"),
    ("openPullRequest", of("archived"), "PRECONDITION_FAILED", "repositoryId", "is ARCHIVED"),
    ("openPullRequest", {"targetBranch": "main"}, "CONFLICT", "sourceBranch", "pull request 2 is open"),
    ("openPullRequest", of("Branch.name", "targetBranch"), "INVALID_INPUT", "targetBranch", "the same branch"),
    (
        "openPullRequest",
        {"sourceBranch": "same", "targetBranch": "main"},
        "PRECONDITION_FAILED",
        "sourceBranch",
        "nothing",
    ),
    ("openPullRequest", {"title": ""}, "INVALID_INPUT", "title", "1 to 300 would pass"),
    ("reviewPullRequest", {"verdict": "APPROVE"}, "POLICY_DENIED", "verdict", "nobody approves their own"),
    ("reviewPullRequest", {"sourceSha": "0" * 40}, "CONFLICT", "sourceSha", "review it as it is now"),
    ("reviewPullRequest", of("closed", "pullRequestId"), "PRECONDITION_FAILED", "pullRequestId", "is CLOSED"),
    ("reviewPullRequest", of("merged", "pullRequestId"), "PRECONDITION_FAILED", "pullRequestId", "is MERGED"),
    ("closePullRequest", of("closed", "pullRequestId"), "PRECONDITION_FAILED", "pullRequestId", "is CLOSED"),
    ("closePullRequest", of("merged", "pullRequestId"), "PRECONDITION_FAILED", "pullRequestId", "is MERGED"),
    ("mergePullRequest", of("closed", "pullRequestId"), "PRECONDITION_FAILED", "pullRequestId", "is CLOSED"),
    ("mergePullRequest", of("merged", "pullRequestId"), "CONFLICT", "pullRequestId", "was merged"),
    ("mergePullRequest", {"expectedSourceSha": "0" * 40}, "CONFLICT", "expectedSourceSha", "review it as it is now"),
    ("mergePullRequest", {"message": ""}, "INVALID_INPUT", "message", "1 to 10000 would pass"),
    ("updateEnvironment", of("old-env", "environmentId"), "PRECONDITION_FAILED", "environmentId", "is archived"),
    ("setConfiguration", of("old-env", "environmentId"), "PRECONDITION_FAILED", "environmentId", "is archived"),
    ("archiveEnvironment", of("new-env", "environmentId"), "PRECONDITION_FAILED", "environmentId", "wait for"),
    ("setConfiguration", {"entries": [{"name": "A"}]}, "INVALID_INPUT", "entries", "either a value or a secretRef"),
    ("setConfiguration", {"entries": [{"name": "A", "value": "1"}] * 2}, "INVALID_INPUT", "entries", "there twice"),
    ("setConfiguration", {"entries": [{"name": "1A", "value": "1"}]}, "INVALID_INPUT", "entries", "variable's name"),
    ("declareEnvironment", of("Environment.name", "name"), "CONFLICT", "name", "exists already"),
    ("declareEnvironment", {"order": 1}, "CONFLICT", "order", "choose another"),
    ("createProject", of("Project.name", "name"), "CONFLICT", "name", "exists already"),
    ("registerModule", of("Module.name", "name"), "CONFLICT", "name", "exists already"),
    ("createIdentity", of("Identity.name", "name"), "CONFLICT", "name", "is taken already"),
    ("createTenant", {"name": "operator"}, "CONFLICT", "name", "is taken already"),
    ("createTenant", {"adminEmail": "a"}, "INVALID_INPUT", "adminEmail", "would pass"),
    ("createIdentity", {"kind": "HUMAN"}, "INVALID_INPUT", "onBehalfOf", "an AGENT names a human"),
    ("createIdentity", {"email": "nobody"}, "INVALID_INPUT", "email", "no '@'"),
    ("createIdentity", of("Identity", "onBehalfOf"), "NOT_FOUND", "onBehalfOf", "human"),
    ("issueToken", {"scopes": []}, "INVALID_INPUT", "scopes", "at least one scope"),
    ("issueToken", {"lifetimeSeconds": 0}, "INVALID_INPUT", "lifetimeSeconds", "one minute to 366 days"),
    ("updateModule", {"port": 0}, "INVALID_INPUT", "port", "1 to 65535"),
    ("updateModule", {"kind": "SERVICE"}, "INVALID_INPUT", "port", "give its port"),
    ("updateModule", {"language": None}, "INVALID_INPUT", "language", "cannot be cleared"),
    ("replayDelivery", {}, "PRECONDITION_FAILED", "deadLetterId", "only an OPEN one"),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)])
async def test_it_is_refused_with_its_field_and_nothing_is_written(office: Office, case: Case) -> None:
    name, given, code, field, message = case
    before = office.stored()
    asked = arguments("Mutation", ROOT.fields[name].args, office.seeds)
    asked["input"] |= given(office.seeds.values) if callable(given) else given
    query, variables = operation("mutation", "Mutation", name, ROOT.fields[name], asked)
    payload = (await office.author.ask(query, **variables))[name]
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [(code, field)], payload["errors"]
    assert message in payload["errors"][0]["message"]
    assert payload["events"] == []
    assert office.stored() == before


async def test_a_conflicting_merge_is_refused_with_what_would_pass(office: Office) -> None:
    values = office.seeds.values
    fields = {"repositoryId": values["Repository"], "branch": values["Branch.merged"], "message": "m"}
    changes = [{"path": "po000.txt", "content": "another\n"}]
    await office.author.done("createCommit", "commit { id }", **fields, changes=changes)
    wanted = {"repositoryId": values["Repository"], "sourceBranch": values["Branch.merged"], "title": "t"}
    opened = await office.author.done(
        "openPullRequest", "pullRequest { id sourceSha }", **wanted, targetBranch=values["Branch.name"]
    )
    before = office.stored()
    pull = opened["pullRequest"]
    merge = {"pullRequestId": pull["id"], "expectedSourceSha": pull["sourceSha"]}
    for method, message in (
        ("MERGE", "both sides changed po000.txt: merge the target into the source first"),
        ("SQUASH", "both sides changed po000.txt: merge the target into the source first"),
        ("FAST_FORWARD", "the target has commits that the source lacks: merge them into the source first"),
    ):
        refused = await office.reviewer.do("mergePullRequest", "pullRequest { id }", **merge, method=method)
        told = {"code": "PRECONDITION_FAILED", "message": message, "field": "pullRequestId"}
        assert refused["errors"] == [told | {"help": "createCommit on the source branch"}]
        assert (refused["pullRequest"], refused["events"], office.stored()) == (None, [], before)


async def test_a_lone_surrogate_is_no_request(office: Office) -> None:
    before = office.stored()
    headers = {"Authorization": f"Bearer {office.author.token}", "Content-Type": "application/json"}
    query = b'{"query": "query($n: String!) { project(name: $n) { id } }", "variables": {"n": "%s"}}'
    answer = await office.author.http.post("/graphql", content=query % rb"\ud800", headers=headers)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert error["message"].startswith("the body is not JSON: ")
    literal = await office.author.raw('mutation { createProject(input: {name: "\\ud800"}) { errors { code } } }')
    assert [error["extensions"]["code"] for error in literal.json()["errors"]] == ["GRAPHQL_PARSE_FAILED"]
    paired = await office.author.http.post("/graphql", content=query % rb"\ud83d\ude00", headers=headers)
    assert paired.json() == {"data": {"project": None}}
    assert office.stored() == before


async def test_a_nul_in_an_address_of_git_is_a_repository_that_is_absent(office: Office) -> None:
    headers = {"Authorization": f"Bearer {office.author.token}"}
    for path in ("operator/a%00/b", "operator/po000-project/a%00", "a%00/b/c", "operator/..%2F..%2Fx/b"):
        answer = await office.author.http.get(f"/git/{path}.git/info/refs?service=git-upload-pack", headers=headers)
        assert answer.status_code == 404, path


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"types": ["\0"]}, "filter.types"),
        ({"traceId": "a\0b"}, "traceId"),
        ({"subjectId": "x"}, "subjectId"),
        ({"projectId": "mod-" + "0" * 32}, "projectId"),
    ],
)
async def test_a_subscription_says_what_of_its_filter_cannot_be(
    office: Office, filter: dict[str, Any], field: str
) -> None:
    async with serving(office.author.slipway) as url, streamed(url, office.author.token, filter=filter) as events:
        (told,) = await events.next(1)
    (error,) = told["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID_INPUT", field)


async def test_a_hundred_thousand_files_are_over_the_body_limit(office: Office) -> None:
    before = office.stored()
    asked = arguments("Mutation", ROOT.fields["createCommit"].args, office.seeds)
    asked["input"]["changes"] = [{"path": f"f{number}", "content": ""} for number in range(100_000)]
    query, variables = operation("mutation", "Mutation", "createCommit", ROOT.fields["createCommit"], asked)
    answer = await office.author.raw(query, variables)
    (error,) = answer.json()["errors"]
    told = {"code": "LIMIT_EXCEEDED", "limit": "bodyBytes", "value": error["extensions"]["value"], "bound": 262_144}
    assert (answer.status_code, error["extensions"]) == (413, told)
    assert office.stored() == before


async def test_a_commit_of_more_files_than_pass_says_to_push_them(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office.author.slipway.settings.limits, "body_bytes", 2**23)
    before = office.stored()
    asked = arguments("Mutation", ROOT.fields["createCommit"].args, office.seeds)
    asked["input"]["changes"] = [{"path": f"f{number}", "content": ""} for number in range(100_000)]
    query, variables = operation("mutation", "Mutation", "createCommit", ROOT.fields["createCommit"], asked)
    payload = (await office.author.ask(query, **variables))["createCommit"]
    (error,) = payload["errors"]
    assert (error["code"], error["field"]) == ("INVALID_INPUT", "changes")
    assert "100,000 changes are over the limit of 10,000 a commit: push them" in error["message"]
    assert office.stored() == before


MAKE: Final = 'createProject(input: {name: "x"}) { errors { code } }'
MALFORMED: Final[list[tuple[str, str]]] = [
    ("", "GRAPHQL_PARSE_FAILED"),
    (f"mutation {{ {MAKE}", "GRAPHQL_PARSE_FAILED"),
    (f"mutation {{ {MAKE} nothing }}", "GRAPHQL_VALIDATION_FAILED"),
    (f"mutation {{ {MAKE} createTenant }}", "GRAPHQL_VALIDATION_FAILED"),
    (f"mutation {{ {MAKE} ...A }} fragment A on Mutation {{ ...A }}", "GRAPHQL_VALIDATION_FAILED"),
    ('mutation { createProject(input: {name: "x", nope: 1}) { errors { code } } }', "GRAPHQL_VALIDATION_FAILED"),
    ("mutation { createProject(input: {name: null}) { errors { code } } }", "GRAPHQL_VALIDATION_FAILED"),
    (f"mutation A {{ {MAKE} }} mutation B {{ {MAKE} }}", "OPERATION_NOT_FOUND"),
    ("mutation { " + " ".join(f"a{number}: {MAKE}" for number in range(16)) + " }", "LIMIT_EXCEEDED"),
    ("mutation { " + MAKE * 500 + " }", "LIMIT_EXCEEDED"),
    (f"mutation {{ {MAKE} }} # {'x' * 262_144}", "LIMIT_EXCEEDED"),
    (f"query {{ {MAKE} }}", "GRAPHQL_VALIDATION_FAILED"),
]


@pytest.mark.parametrize(("document", "code"), MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_or_oversized_document_carries_out_none_of_its_commands(
    office: Office, document: str, code: str
) -> None:
    before = office.stored()
    answer = (await office.author.raw(document)).json()
    assert {error["extensions"]["code"] for error in answer["errors"]} == {code}
    assert "data" not in answer
    assert all(error["message"] for error in answer["errors"])
    assert office.stored() == before
