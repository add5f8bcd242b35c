"""Reference data through the GraphQL API."""

from pathlib import Path

import pytest

from main import Settings, Slipway
from tests.api.conftest import Client

pytestmark = pytest.mark.both_databases


async def test_the_first_token_is_told_once(operator: Client) -> None:
    again = Slipway(operator.slipway.settings)
    assert await again.start() is None
    await again.database.close()


async def test_a_tenant_starts_its_own_stream_and_is_told_in_the_operators(operator: Client) -> None:
    made = await operator.done("createTenant", "tenant { id }", name="acme", adminEmail="a@example.test")
    assert [event["eventType"] for event in made["events"]] == ["TenantProvisioned"]
    admin = await operator.tenant("other")
    project = await admin.done("createProject", "project { id name }", name="booking")
    assert project["events"][0]["sequence"] == 4


async def test_only_the_operator_makes_tenants(admin: Client) -> None:
    refused = await admin.do("createTenant", "tenant { id }", name="more", adminEmail="a@example.test")
    assert [error["code"] for error in refused["errors"]] == ["FORBIDDEN"]
    assert refused["tenant"] is None


async def test_a_module_is_read_back_by_its_natural_key(admin: Client) -> None:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    fields = {"name": "reservations", "kind": "SERVICE", "language": "PYTHON", "baseVersion": "1.4", "port": 8080}
    made = await admin.done("registerModule", "module { id version }", projectId=project, **fields)
    query = '{ module(project: "booking", name: "reservations") { id port project { id } } }'
    assert (await admin.ask(query))["module"] == {
        "id": made["module"]["id"],
        "port": 8080,
        "project": {"id": project},
    }
    update = await admin.done("updateModule", "module { port version }", moduleId=made["module"]["id"], port=9090)
    assert update["module"] == {"port": 9090, "version": 2}
    again = await admin.done("updateModule", "module { version }", moduleId=made["module"]["id"], port=9090)
    assert (again["module"], again["events"]) == ({"version": 2}, [])


async def test_an_update_keeps_what_is_absent_and_clears_what_is_null(admin: Client) -> None:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    fields = {"name": "m", "kind": "SERVICE", "language": "PYTHON", "baseVersion": "1.4", "port": 8080}
    made = await admin.done(
        "registerModule", "module { id }", projectId=project, **fields, healthPath="/up", imageName="a/b"
    )
    module = {"moduleId": made["module"]["id"]}
    done = await admin.done("updateModule", "module { port healthPath imageName }", **module, healthPath=None)
    assert done["module"] == {"port": 8080, "healthPath": None, "imageName": "a/b"}
    for field in ("port", "kind", "language", "baseVersion"):
        refused = await admin.do("updateModule", "module { id }", **module, **{field: None})
        assert [(error["code"], error["field"]) for error in refused["errors"]] == [("INVALID_INPUT", field)]
    library = await admin.done("updateModule", "module { kind port version }", **module, kind="LIBRARY", port=None)
    assert library["module"] == {"kind": "LIBRARY", "port": None, "version": 3}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "No Spaces"}, "name"),
        ({"baseVersion": "1"}, "baseVersion"),
        ({"port": 70_000}, "port"),
        ({"port": None}, "port"),
        ({"imageName": "Upper/Case"}, "imageName"),
        ({"packageName": "../up"}, "packageName"),
        ({"healthPath": "healthz"}, "healthPath"),
        ({"projectId": "proj-1"}, "projectId"),
        ({"projectId": "mod-" + "0" * 32}, "projectId"),
        ({"traceId": "xyz"}, "traceId"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
    ],
)
async def test_bad_input_names_its_field_and_writes_nothing(
    admin: Client, fields: dict[str, object], field: str
) -> None:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    good = {
        "projectId": project,
        "name": "m",
        "kind": "SERVICE",
        "language": "PYTHON",
        "baseVersion": "1.0",
        "port": 1,
    }
    refused = await admin.do("registerModule", "module { id }", **(good | fields))
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("INVALID_INPUT", field)]
    assert (await admin.ask("{ projects { nodes { modules { totalCount } } } }")) == {
        "projects": {"nodes": [{"modules": {"totalCount": 0}}]}
    }


async def test_a_repeat_with_the_same_key_answers_the_same_node_and_events(admin: Client) -> None:
    first = await admin.done("createProject", "project { id }", name="booking", idempotencyKey="k1")
    again = await admin.done("createProject", "project { id }", name="booking", idempotencyKey="k1")
    assert again == first
    other = await admin.do("createProject", "project { id }", name="other", idempotencyKey="k1")
    assert other["errors"][0]["code"] == "IDEMPOTENCY_MISMATCH"


async def test_who_makes_a_tenant_again_with_the_same_key_is_told_which_but_not_its_token(operator: Client) -> None:
    fields = {"name": "acme", "adminEmail": "a@example.test", "idempotencyKey": "k1"}
    first = await operator.done("createTenant", "tenant { id name } token", **fields)
    again = await operator.done("createTenant", "tenant { id name } token", **fields)
    assert again == first | {"token": None}


async def test_a_revoked_token_is_refused_at_once(admin: Client) -> None:
    who = await admin.done("createIdentity", "identity { id }", name="bo", kind="HUMAN", email="bo@example.test")
    made = await admin.done(
        "issueToken", "secret token { id }", identityId=who["identity"]["id"], name="t", scopes=["READ"]
    )
    bo = Client(admin.slipway, made["secret"])
    assert (await bo.ask("{ viewer { identity { name } scopes } }"))["viewer"] == {
        "identity": {"name": "bo"},
        "scopes": ["devops.read"],
    }
    refused = await bo.do("createProject", "project { id }", name="x")
    assert refused["errors"][0]["code"] == "FORBIDDEN"
    await admin.done("revokeToken", "token { id }", tokenId=made["token"]["id"])
    assert (await bo.raw("{ viewer { scopes } }")).status_code == 401


async def test_an_agent_needs_the_human_who_answers_for_it(admin: Client) -> None:
    refused = await admin.do("createIdentity", "identity { id }", name="bot", kind="AGENT", email="bot@example.test")
    assert refused["errors"][0]["field"] == "onBehalfOf"
    human = (await admin.ask("{ viewer { identity { id } } }"))["viewer"]["identity"]["id"]
    made = await admin.done(
        "createIdentity",
        "identity { id onBehalfOf { id } }",
        name="bot",
        kind="AGENT",
        email="bot@example.test",
        onBehalfOf=human,
    )
    assert made["identity"]["onBehalfOf"] == {"id": human}


async def test_an_artifact_joins_the_trace_it_is_given(admin: Client) -> None:
    project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
    trace = "ab" * 16
    made = await admin.done(
        "registerArtifact", "artifact { traceId }", projectId=project, producer="gen", name="a", traceId=trace
    )
    assert made["artifact"]["traceId"] == made["events"][0]["traceId"] == trace


async def test_pages_go_on_from_a_cursor(admin: Client) -> None:
    for name in ("a", "b", "c"):
        await admin.done("createProject", "project { id }", name=name)
    query = """query($after: String) { projects(first: 2, after: $after) {
        totalCount nodes { name } pageInfo { hasNextPage endCursor } } }"""
    first = (await admin.ask(query))["projects"]
    assert [node["name"] for node in first["nodes"]] == ["a", "b"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    last = (await admin.ask(query, after=first["pageInfo"]["endCursor"]))["projects"]
    assert [node["name"] for node in last["nodes"]] == ["c"]
    assert last["pageInfo"]["hasNextPage"] is False


async def test_without_a_token_nothing_is_answered(admin: Client) -> None:
    answer = await Client(admin.slipway, "nonsense").raw("{ viewer { scopes } }")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_a_forged_token_of_another_installation_is_refused(admin: Client, tmp_path: Path) -> None:
    other = Slipway(Settings(data=tmp_path / "other"))
    token = await other.start()
    await other.database.close()
    assert (await Client(admin.slipway, str(token)).raw("{ viewer { scopes } }")).status_code == 401
