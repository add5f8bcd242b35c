"""Environments and their configuration through the GraphQL API."""

from typing import Any

import pytest

from tests.api.conftest import Client
from tests.workers.test_provisioning import eventually

STATUS = """{ environment(project: "booking", name: "dev") { id status
    repository { kind name status allowDirectPush environment { name } branches { nodes { name isProtected } } } } }"""


@pytest.fixture
async def project(admin: Client) -> str:
    return str((await admin.done("createProject", "project { id }", name="booking"))["project"]["id"])


@pytest.fixture
async def ids(admin: Client, project: str) -> dict[str, str]:
    """An environment and a module of the same project."""
    environment = await admin.done("declareEnvironment", "environment { id }", projectId=project, name="dev")
    fields = {"name": "m", "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    module = await admin.done("registerModule", "module { id }", projectId=project, **fields)
    return {"environmentId": environment["environment"]["id"], "moduleId": module["module"]["id"]}


async def test_an_environment_is_ready_once_its_repository_stands(admin: Client, project: str) -> None:
    made = await admin.done(
        "declareEnvironment", "environment { status order driver promotion }", projectId=project, name="dev"
    )
    assert made["environment"] == {"status": "DECLARED", "order": 1, "driver": "LOCAL", "promotion": "MANUAL"}
    assert [event["eventType"] for event in made["events"]] == [
        "RepositoryProvisioningRequested",
        "EnvironmentDeclared",
    ]
    await admin.slipway.work()
    ready = await eventually(lambda: admin.ask(STATUS), lambda answer: answer["environment"]["status"] == "READY")
    assert ready["environment"]["repository"] == {
        "kind": "ENVIRONMENT",
        "name": "env-dev",
        "status": "PROVISIONED",
        "allowDirectPush": False,
        "environment": {"name": "dev"},
        "branches": {"nodes": [{"name": "main", "isProtected": True}]},
    }
    repository = (await admin.ask('{ repository(project: "booking", name: "env-dev") { id } }'))["repository"]["id"]
    refused = await admin.do("archiveRepository", "repository { id }", repositoryId=repository)
    assert [(error["code"], error["help"]) for error in refused["errors"]] == [
        ("PRECONDITION_FAILED", "archiveEnvironment")
    ]
    done = await admin.done(
        "archiveEnvironment",
        "environment { status repository { status } }",
        environmentId=ready["environment"]["id"],
    )
    assert done["environment"] == {"status": "ARCHIVED", "repository": {"status": "ARCHIVED"}}
    late = await admin.do("updateEnvironment", "environment { id }", environmentId=ready["environment"]["id"], order=3)
    assert late["errors"][0]["code"] == "PRECONDITION_FAILED"
    await admin.slipway.stop()


async def test_a_projects_environments_stand_in_their_order(admin: Client, project: str) -> None:
    for name, order in (("prod", 30), ("dev", 10), ("staging", None)):
        await admin.done("declareEnvironment", "environment { id }", projectId=project, name=name, order=order)
    query = '{ project(name: "booking") { environments { nodes { name order project { name } } } } }'
    assert (await admin.ask(query))["project"]["environments"]["nodes"] == [
        {"name": "dev", "order": 10, "project": {"name": "booking"}},
        {"name": "prod", "order": 30, "project": {"name": "booking"}},
        {"name": "staging", "order": 31, "project": {"name": "booking"}},
    ]
    taken = await admin.do("declareEnvironment", "environment { id }", projectId=project, name="x", order=30)
    assert [(error["code"], error["field"]) for error in taken["errors"]] == [("CONFLICT", "order")]


async def test_an_update_changes_what_is_named_and_hands_pushes_to_the_repository(
    admin: Client, ids: dict[str, str]
) -> None:
    selection = "environment { promotion selfHeal allowDirectPush version repository { allowDirectPush } }"
    environment = {"environmentId": ids["environmentId"]}
    done = await admin.done(
        "updateEnvironment", selection, **environment, promotion="AUTO", selfHeal=False, allowDirectPush=True
    )
    assert done["environment"] == {
        "promotion": "AUTO",
        "selfHeal": False,
        "allowDirectPush": True,
        "version": 2,
        "repository": {"allowDirectPush": True},
    }
    assert [event["eventType"] for event in done["events"]] == ["EnvironmentUpdated"]
    again = await admin.done("updateEnvironment", selection, **environment, promotion="AUTO")
    assert (again["environment"]["version"], again["events"]) == (2, [])


@pytest.mark.parametrize(
    ("mutation", "fields", "field"),
    [
        ("declareEnvironment", {"name": "No"}, "name"),
        ("declareEnvironment", {"name": "a" * 60}, "name"),
        ("declareEnvironment", {"order": 0}, "order"),
        ("declareEnvironment", {"driftIntervalMs": 999}, "driftIntervalMs"),
        ("updateEnvironment", {"selfHeal": None}, "selfHeal"),
        ("updateEnvironment", {"order": None}, "order"),
        ("updateEnvironment", {"order": 1_001}, "order"),
        ("updateEnvironment", {"driftIntervalMs": 86_400_001}, "driftIntervalMs"),
    ],
)
async def test_a_refused_environment_names_its_field_and_writes_nothing(
    admin: Client, project: str, ids: dict[str, str], mutation: str, fields: dict[str, Any], field: str
) -> None:
    needed = {"projectId": project, "name": "new"} if mutation.startswith("declare") else {}
    needed |= {"environmentId": ids["environmentId"]} if mutation.startswith("update") else {}
    refused = await admin.do(mutation, "environment { id }", **(needed | fields))
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("INVALID_INPUT", field)]
    query = '{ project(name: "booking") { environments { nodes { name version } } } repositories { totalCount } }'
    assert await admin.ask(query) == {
        "project": {"environments": {"nodes": [{"name": "dev", "version": 1}]}},
        "repositories": {"totalCount": 1},
    }


async def test_a_name_that_a_repository_has_is_refused(admin: Client, project: str, ids: dict[str, str]) -> None:
    await admin.done("provisionRepository", "repository { id }", moduleId=ids["moduleId"], name="env-test")
    refused = await admin.do("declareEnvironment", "environment { id }", projectId=project, name="test")
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("CONFLICT", "name")]


CONFIGURATION = "configuration { number entries { name value secretRef } module { name } environment { name } }"


async def test_a_configuration_is_a_new_version_per_change(admin: Client, ids: dict[str, str]) -> None:
    first = [{"name": "URL", "value": "http://a"}, {"name": "KEY", "secretRef": "api-key"}]
    made = await admin.done("setConfiguration", CONFIGURATION, **ids, entries=first)
    assert made["configuration"] == {
        "number": 1,
        "entries": [
            {"name": "KEY", "value": None, "secretRef": "api-key"},
            {"name": "URL", "value": "http://a", "secretRef": None},
        ],
        "module": {"name": "m"},
        "environment": {"name": "dev"},
    }
    assert [event["eventType"] for event in made["events"]] == ["ConfigurationChanged"]
    same = await admin.done("setConfiguration", CONFIGURATION, **ids, entries=first[::-1])
    assert (same["configuration"]["number"], same["events"]) == (1, [])
    await admin.done("setConfiguration", CONFIGURATION, **ids, entries=[], expectedNumber=1)
    stale = await admin.do("setConfiguration", CONFIGURATION, **ids, entries=first, expectedNumber=1)
    assert [(error["code"], error["field"]) for error in stale["errors"]] == [("CONFLICT", "expectedNumber")]
    query = """query($module: ID!) { environment(project: "booking", name: "dev") {
        configuration(module: $module) { number entries { name } } configurations { nodes { number } } } }"""
    assert (await admin.ask(query, module=ids["moduleId"]))["environment"] == {
        "configuration": {"number": 2, "entries": []},
        "configurations": {"nodes": [{"number": 1}, {"number": 2}]},
    }


@pytest.mark.parametrize(
    "entries",
    [
        [{"name": "1X", "value": ""}],
        [{"name": "A-B", "value": ""}],
        [{"name": "A" * 129, "value": ""}],
        [{"name": "A", "value": "x"}, {"name": "A", "value": "y"}],
        [{"name": "A"}],
        [{"name": "A", "value": "x", "secretRef": "s"}],
        [{"name": "A", "secretRef": "Not A Name"}],
        [{"name": "A", "value": "nul\0"}],
        [{"name": "A", "value": "x" * 32_769}],
        [{"name": f"A{number}", "value": ""} for number in range(201)],
    ],
)
async def test_refused_entries_leave_no_version(
    admin: Client, ids: dict[str, str], entries: list[dict[str, str]]
) -> None:
    refused = await admin.do("setConfiguration", "configuration { id }", **ids, entries=entries)
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("INVALID_INPUT", "entries")]
    query = '{ environment(project: "booking", name: "dev") { configurations { totalCount } } }'
    assert (await admin.ask(query))["environment"]["configurations"]["totalCount"] == 0


async def test_a_module_of_another_project_is_not_configured(admin: Client, ids: dict[str, str]) -> None:
    other = (await admin.done("createProject", "project { id }", name="other"))["project"]["id"]
    fields = {"name": "m", "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    module = await admin.done("registerModule", "module { id }", projectId=other, **fields)
    given = ids | {"moduleId": module["module"]["id"]}
    refused = await admin.do("setConfiguration", "configuration { id }", **given, entries=[])
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("NOT_FOUND", "moduleId")]
