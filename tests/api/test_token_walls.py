"""Tokens and identities are for those who may issue them, and a limited token stays within its projects."""

import pytest

from tests.api.conftest import Client

pytestmark = pytest.mark.both_databases


@pytest.fixture
async def project(admin: Client) -> str:
    return str((await admin.done("createProject", "project { id }", name="mine"))["project"]["id"])


async def test_tokens_are_seen_with_their_scope_only(admin: Client, project: str) -> None:
    token = (await admin.ask("{ tokens { nodes { id } } }"))["tokens"]["nodes"][0]["id"]
    reader = await admin.limited(project, ["READ"])
    told = (await reader.raw("{ tokens { nodes { id name } } }")).json()
    assert [error["extensions"]["code"] for error in told["errors"]] == ["FORBIDDEN"]
    query = "query($id: ID!) { node(id: $id) { id } }"
    assert await reader.ask(query, id=token) == {"node": None}
    assert await admin.ask(query, id=token) == {"node": {"id": token}}


async def test_a_limited_token_makes_no_identities_of_the_tenant(admin: Client, project: str) -> None:
    limited = await admin.limited(project, ["IDENTITIES_WRITE"])
    fields = {"name": "other", "kind": "HUMAN", "email": "o@example.test"}
    refused = await limited.do("createIdentity", "identity { id }", **fields)
    assert [error["code"] for error in refused["errors"]] == ["FORBIDDEN"]
    assert refused["events"] == []


async def test_a_limited_token_ends_no_token_wider_than_itself(admin: Client, project: str) -> None:
    wide = (await admin.ask("{ tokens { nodes { id } } }"))["tokens"]["nodes"][0]["id"]
    limited = await admin.limited(project, ["IDENTITIES_WRITE"])
    refused = await limited.do("revokeToken", "token { id }", tokenId=wide)
    assert [error["code"] for error in refused["errors"]] == ["NOT_FOUND"]
    own = (await admin.ask("{ tokens(last: 1) { nodes { id name } } }"))["tokens"]["nodes"][0]
    assert own["name"] == "limited"
    assert (await limited.done("revokeToken", "token { id }", tokenId=own["id"]))["events"] != []


async def test_a_limited_token_sees_itself_and_what_it_issued_but_no_wider_one(admin: Client, project: str) -> None:
    beside = (await admin.done("createProject", "project { id }", name="beside"))["project"]["id"]
    limited = await admin.limited(project, ["IDENTITIES_WRITE"])
    who = (await limited.ask("{ viewer { identity { id } } }"))["viewer"]["identity"]["id"]
    for fields in ({"projectIds": [beside]}, {"projectIds": [project, beside]}, {}):
        await admin.done("issueToken", "token { id }", identityId=who, name="wider", scopes=["READ"], **fields)
    wanted = {"identityId": who, "name": "issued", "scopes": ["IDENTITIES_WRITE"], "idempotencyKey": "k"}
    issued = await limited.done("issueToken", "token { id }", **wanted)
    query = "{ tokens { totalCount nodes { name } } }"
    assert await limited.ask(query) == {"tokens": {"totalCount": 2, "nodes": [{"name": "limited"}, {"name": "issued"}]}}
    assert (await admin.ask("{ tokens { totalCount } }"))["tokens"] == {"totalCount": 6}
    again = await limited.done("issueToken", "token { id }", **wanted)
    assert again["token"] == issued["token"]
    revoked = await limited.done("revokeToken", "token { id }", tokenId=issued["token"]["id"])
    assert [event["eventType"] for event in revoked["events"]] == ["TokenRevoked"]


async def test_a_limited_token_issues_none_for_a_project_out_of_its_sight(admin: Client, project: str) -> None:
    beside = (await admin.done("createProject", "project { id }", name="beside"))["project"]["id"]
    limited = await admin.limited(project, ["IDENTITIES_WRITE"])
    who = (await limited.ask("{ viewer { identity { id } } }"))["viewer"]["identity"]["id"]
    fields = {"identityId": who, "name": "t", "scopes": ["IDENTITIES_WRITE"], "projectIds": [project, beside]}
    refused = await limited.do("issueToken", "token { id }", **fields)
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("NOT_FOUND", "projectIds")]
