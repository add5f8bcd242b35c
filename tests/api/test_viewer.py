"""Who asks, what their token may do, and nodes by id and by natural key."""

from typing import Any

import pytest

from tests.api.conftest import Client

pytestmark = pytest.mark.both_databases
CAN = """query($mutation: String!, $target: ID) {
    viewer { can(mutation: $mutation, target: $target) { allowed reason } } }"""
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"


@pytest.fixture
async def projects(admin: Client) -> list[str]:
    made = [await admin.done("createProject", "project { id }", name=name) for name in ("mine", "theirs")]
    return [one["project"]["id"] for one in made]


async def can(client: Client, mutation: str, target: str | None = None) -> tuple[bool, str | None]:
    told = (await client.ask(CAN, mutation=mutation, target=target))["viewer"]["can"]
    return told["allowed"], told["reason"]


async def refused(client: Client, query: str, **variables: Any) -> tuple[str, str, str]:
    (error,) = (await client.raw(query, variables)).json()["errors"]
    return error["extensions"]["code"], error["extensions"]["field"], error["message"]


async def test_a_viewer_is_told_the_projects_of_a_limited_token(admin: Client, projects: list[str]) -> None:
    query = "{ viewer { projects { id name } } }"
    assert (await admin.ask(query))["viewer"] == {"projects": None}
    limited = await admin.limited(projects[0], ["READ"])
    assert (await limited.ask(query))["viewer"] == {"projects": [{"id": projects[0], "name": "mine"}]}


async def test_can_names_the_scope_that_is_missing(admin: Client, projects: list[str]) -> None:
    reader = await admin.limited(projects[0], ["READ"])
    reason = "this needs the scope devops.modules.write: issueToken with scopes: [MODULES_WRITE]"
    assert await can(reader, "registerModule", projects[0]) == (False, reason)
    assert await can(admin, "registerModule", projects[0]) == (True, None)


async def test_can_keeps_a_limited_token_within_its_projects(admin: Client, projects: list[str]) -> None:
    limited = await admin.limited(projects[0], ["ADMIN"])
    absent = "proj-" + "0" * 32
    assert await can(limited, "registerModule", projects[0]) == (True, None)
    for target in (projects[1], absent):
        reason = f"target {target!r} does not exist or is out of your sight"
        assert await can(limited, "registerModule", target) == (False, reason)
    reason = "this is refused to a token limited to projects: use a token of the whole tenant"
    assert await can(limited, "createProject") == (False, reason)


async def test_can_knows_the_operator_tenant(admin: Client, operator: Client) -> None:
    assert await can(operator, "createTenant") == (True, None)
    reason = "only the operator tenant may: use the token told at the first start"
    assert await can(admin, "createTenant") == (False, reason)


@pytest.mark.parametrize("name", ["mergePullRequests", "create_project", "", "viewer", "\x00" * 100])
async def test_can_says_what_is_no_mutation(admin: Client, name: str) -> None:
    told = await refused(admin, CAN, mutation=name)
    assert told == ("INVALID_INPUT", "mutation", f"{name[:80]!r} is not a mutation")


async def test_can_refuses_a_malformed_target(admin: Client) -> None:
    code, field, message = await refused(admin, CAN, mutation="createProject", target="proj-1")
    assert (code, field) == ("INVALID_INPUT", "target")
    assert message.startswith("'proj-1' is not an id")


async def test_nodes_keep_the_order_of_their_ids_with_null_for_the_absent(admin: Client, projects: list[str]) -> None:
    viewer = (await admin.ask("{ viewer { identity { id } } }"))["viewer"]["identity"]["id"]
    absent = "mod-" + "0" * 32
    ids = [projects[1], absent, viewer, projects[0], projects[1]]
    found = (await admin.ask(NODES, ids=ids))["nodes"]
    assert found == [None if id == absent else {"id": id} for id in ids]
    assert (await admin.ask(NODES, ids=[]))["nodes"] == []


async def test_at_most_a_hundred_nodes_are_asked_for(admin: Client, projects: list[str]) -> None:
    assert len((await admin.ask(NODES, ids=projects[:1] * 100))["nodes"]) == 100
    told = await refused(admin, NODES, ids=projects[:1] * 101)
    assert told == ("INVALID_INPUT", "ids", "101 ids are too many: at most 100 would pass")


async def test_a_malformed_id_among_nodes_is_told(admin: Client, projects: list[str]) -> None:
    code, field, message = await refused(admin, NODES, ids=[projects[0], "nothing"])
    assert (code, field) == ("INVALID_INPUT", "ids")
    assert message.startswith("'nothing' is not an id: expected a prefix such as 'repo-'")


async def test_an_identity_is_found_by_its_name(admin: Client) -> None:
    query = "query($name: String!) { identity(name: $name) { name kind } }"
    assert (await admin.ask(query, name="admin"))["identity"] == {"name": "admin", "kind": "HUMAN"}
    assert (await admin.ask(query, name="nobody"))["identity"] is None


async def test_the_newest_artifact_is_found_by_name_and_digest_or_by_purl(admin: Client, projects: list[str]) -> None:
    digest, purl = "sha256:" + "ab" * 32, "pkg:pypi/a@1.0"
    fields = {"projectId": projects[0], "producer": "p", "name": "a", "digest": digest, "uri": purl}
    older = (await admin.done("registerArtifact", "artifact { id }", **fields))["artifact"]
    newer = (await admin.done("registerArtifact", "artifact { id }", **fields))["artifact"]
    await admin.done("registerArtifact", "artifact { id }", **(fields | {"projectId": projects[1]}))
    assert older != newer
    query = """query($name: String, $digest: Sha256Digest, $purl: String) {
        artifact(project: "mine", name: $name, digest: $digest, purl: $purl) { id } }"""
    assert (await admin.ask(query, name="a", digest=digest))["artifact"] == newer
    assert (await admin.ask(query, purl=purl))["artifact"] == newer
    assert (await admin.ask(query, name="b", digest=digest))["artifact"] is None
    wrong = "an artifact is named by name and digest together, or by purl alone"
    for given in ({"name": "a"}, {"digest": digest}, {}, {"name": "a", "digest": digest, "purl": purl}):
        assert await refused(admin, query, **given) == ("INVALID_INPUT", "purl", wrong)
