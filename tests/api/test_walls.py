"""Tenant and project walls: foreign and absent look the same, whatever is asked."""

import pytest

from tests.api.conftest import Client

ABSENT = "0" * 32


@pytest.fixture
async def foreign(admin: Client) -> dict[str, str]:
    """Ids of acme's nodes, by type."""
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    module = await admin.done(
        "registerModule",
        "module { id }",
        projectId=project,
        name="m",
        kind="LIBRARY",
        language="PYTHON",
        baseVersion="1.0",
    )
    fields = {"projectId": project, "producer": "p", "name": "a", "moduleId": module["module"]["id"]}
    artifact = await admin.done("registerArtifact", "artifact { id }", **fields)
    viewer = (await admin.ask("{ viewer { identity { id } tenant { id } } }"))["viewer"]
    token = (await admin.ask("{ tokens { nodes { id } } }"))["tokens"]["nodes"][0]["id"]
    return {
        "Project": project,
        "Module": module["module"]["id"],
        "Artifact": artifact["artifact"]["id"],
        "Identity": viewer["identity"]["id"],
        "Tenant": viewer["tenant"]["id"],
        "Token": token,
    }


async def test_no_node_of_another_tenant_is_seen(operator: Client, foreign: dict[str, str]) -> None:
    other = await operator.tenant("other")
    for node_id in foreign.values():
        absent = node_id.split("-")[0] + "-" + ABSENT
        query = "query($id: ID!) { node(id: $id) { id } }"
        assert await other.ask(query, id=node_id) == await other.ask(query, id=absent) == {"node": None}


async def test_no_list_or_natural_key_reaches_another_tenant(operator: Client, foreign: dict[str, str]) -> None:
    other = await operator.tenant("other")
    assert await other.ask(
        '{ project(name: "booking") { id } module(project: "booking", name: "m") { id }'
        " projects { totalCount } artifacts { totalCount nodes { id } } }"
    ) == {"project": None, "module": None, "projects": {"totalCount": 0}, "artifacts": {"totalCount": 0, "nodes": []}}


COMMANDS = [
    (
        "registerModule",
        "module { id }",
        "projectId",
        "Project",
        {"name": "x", "kind": "LIBRARY", "language": "NODE", "baseVersion": "1.0"},
    ),
    ("updateModule", "module { id }", "moduleId", "Module", {"port": 1}),
    ("registerArtifact", "artifact { id }", "projectId", "Project", {"producer": "p", "name": "n"}),
    (
        "createIdentity",
        "identity { id }",
        "onBehalfOf",
        "Identity",
        {"name": "x", "kind": "AGENT", "email": "x@example.test"},
    ),
    ("issueToken", "secret", "identityId", "Identity", {"name": "x", "scopes": ["READ"]}),
    ("revokeToken", "token { id }", "tokenId", "Token", {}),
]


@pytest.mark.parametrize(("mutation", "selection", "field", "target", "rest"), COMMANDS)
async def test_no_command_reaches_another_tenant(
    operator: Client,
    foreign: dict[str, str],
    mutation: str,
    selection: str,
    field: str,
    target: str,
    rest: dict[str, object],
) -> None:
    other = await operator.tenant("other")
    absent = foreign[target].split("-")[0] + "-" + ABSENT
    refusals = []
    for node_id in (foreign[target], absent):
        payload = await other.do(mutation, selection, **{field: node_id}, **rest)
        assert payload["events"] == []
        refusals.append([error | {"message": error["message"].replace(node_id, "ID")} for error in payload["errors"]])
    assert refusals[0] == refusals[1]
    assert [error["code"] for error in refusals[0]] == ["NOT_FOUND"]


async def test_a_limited_token_stays_in_its_project(admin: Client, foreign: dict[str, str]) -> None:
    mine = (await admin.done("createProject", "project { id }", name="mine"))["project"]["id"]
    limited = await admin.limited(mine, ["MODULES_WRITE", "REPOSITORIES_WRITE"])
    assert await limited.ask("{ projects { totalCount nodes { name } } artifacts { totalCount } }") == {
        "projects": {"totalCount": 1, "nodes": [{"name": "mine"}]},
        "artifacts": {"totalCount": 0},
    }
    for target in ("Project", "Module", "Artifact"):
        assert await limited.ask("query($id: ID!) { node(id: $id) { id } }", id=foreign[target]) == {"node": None}
    refused = await limited.do(
        "registerModule",
        "module { id }",
        projectId=foreign["Project"],
        name="x",
        kind="LIBRARY",
        language="NODE",
        baseVersion="1.0",
    )
    assert refused["errors"][0]["code"] == "NOT_FOUND"
    made = await limited.done(
        "registerModule",
        "module { id }",
        projectId=mine,
        name="x",
        kind="LIBRARY",
        language="NODE",
        baseVersion="1.0",
    )
    assert made["module"]["id"].startswith("mod-")


async def test_no_repository_of_another_tenant_is_reached(
    admin: Client, operator: Client, foreign: dict[str, str]
) -> None:
    made = await admin.done("provisionRepository", "repository { id }", moduleId=foreign["Module"])
    other = await operator.tenant("other")
    repository = made["repository"]["id"]
    assert await other.ask("query($id: ID!) { node(id: $id) { id } }", id=repository) == {"node": None}
    assert await other.ask('{ repository(project: "booking", name: "m") { id } repositories { totalCount } }') == {
        "repository": None, "repositories": {"totalCount": 0},
    }  # fmt: skip
    for mutation, field, target in (
        ("provisionRepository", "moduleId", foreign["Module"]),
        ("archiveRepository", "repositoryId", repository),
    ):
        absent = target.split("-")[0] + "-" + ABSENT
        refusals = [await other.do(mutation, "repository { id }", **{field: one}) for one in (target, absent)]
        told = [r["errors"][0]["message"].replace(one, "ID") for r, one in zip(refusals, (target, absent), strict=True)]
        assert told[0] == told[1]
        assert refusals[0]["errors"][0]["code"] == "NOT_FOUND"
