"""Pipelines through the API: what a repository begins with, what commands refuse, what is wrong with a file."""

from typing import Any

import pytest

from services.pipelines.generation import TEMPLATE_VERSION
from tests.api.conftest import Client
from tests.api.test_commits import Repo, repo

pytestmark = pytest.mark.both_databases

__all__ = ["repo"]
PIPELINE = """query($id: ID!) { node(id: $id) { ... on Repository { pipeline {
    id path yaml contentHash templateVersion module { name pipelines { nodes { path } } } runs { totalCount } } } } }"""


async def pipeline(repo: Repo) -> dict[str, Any]:
    return dict((await repo.client.ask(PIPELINE, id=repo.id))["node"]["pipeline"])


async def test_a_repository_begins_with_the_pipeline_that_its_first_commit_holds(repo: Repo) -> None:
    found = await pipeline(repo)
    assert (found["path"], found["templateVersion"]) == ("azure-pipelines.yml", TEMPLATE_VERSION)
    assert repo.git("show", "main:azure-pipelines.yml") == found["yaml"].strip()
    assert found["module"]["pipelines"] == {"nodes": [{"path": "azure-pipelines.yml"}]}
    assert found["runs"] == {"totalCount": 0}


async def test_a_mistake_is_told_at_its_place_and_a_good_file_has_none(admin: Client) -> None:
    query = "query($yaml: String!) { validatePipeline(yaml: $yaml) { valid problems { line column message } } }"
    told = await admin.ask(query, yaml="steps:\n- script: x\n  typo: 1\n- scrip: y\n")
    assert told["validatePipeline"]["valid"] is False
    places = [(one["line"], one["column"]) for one in told["validatePipeline"]["problems"]]
    assert places == [(3, 3), (4, 3)]
    assert await admin.ask(query, yaml="steps: [{script: x}]") == {"validatePipeline": {"valid": True, "problems": []}}


async def test_a_file_is_looked_at_with_the_templates_of_a_repository(repo: Repo) -> None:
    await repo.commit("ci/steps.yml", "parameters: [{name: n, type: number}]\nsteps:\n- typo: ${{ parameters.n }}\n")
    query = """query($yaml: String!, $id: ID, $ref: String) {
        validatePipeline(yaml: $yaml, repository: $id, ref: $ref) { problems { file line column message } } }"""
    yaml = "steps:\n- template: ci/steps.yml\n  parameters: {n: 1}\n"
    told = (await repo.client.ask(query, yaml=yaml, id=repo.id, ref="work"))["validatePipeline"]["problems"]
    assert [(one["file"], one["line"], one["column"]) for one in told] == [("ci/steps.yml", 3, 3)]
    (absent,) = (await repo.client.ask(query, yaml=yaml, id=repo.id))["validatePipeline"]["problems"]
    assert (absent["line"], absent["message"]) == (
        2,
        "there is no file 'ci/steps.yml' in this repository at this commit",
    )
    refused = (await repo.client.raw(query, {"yaml": yaml, "id": repo.id, "ref": "gone"})).json()
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["NOT_FOUND"]


async def test_a_run_is_queued_once_for_a_key_with_the_pipelines_next_number(repo: Repo) -> None:
    id = (await pipeline(repo))["id"]
    fields = {"pipelineId": id, "branch": "work"}
    selection = "pipelineRun { id number status reason branch commitSha requestedBy { name } commit { sha } }"
    first = await repo.client.done("runPipeline", selection, **fields, idempotencyKey="k")
    again = await repo.client.done("runPipeline", selection, **fields, idempotencyKey="k")
    other = await repo.client.done("runPipeline", selection, **fields)
    assert (first["pipelineRun"], first["events"]) == (again["pipelineRun"], again["events"])
    assert (first["pipelineRun"]["number"], other["pipelineRun"]["number"]) == (1, 2)
    head = (await repo.branch())["headSha"]
    assert first["pipelineRun"] | {"id": "", "requestedBy": {}} == {
        "id": "", "number": 1, "status": "QUEUED", "reason": "MANUAL", "branch": "work", "commitSha": head,
        "requestedBy": {}, "commit": {"sha": head},
    }  # fmt: skip
    assert [event["eventType"] for event in first["events"]] == ["PipelineRunQueued"]


REFUSED = [
    ({"branch": "gone"}, "NOT_FOUND", "branch"),
    ({"expectedHeadSha": "0" * 40}, "CONFLICT", "expectedHeadSha"),
]


@pytest.mark.parametrize(("more", "code", "field"), REFUSED)
async def test_a_run_that_cannot_be_is_refused_and_nothing_is_written(
    repo: Repo, more: dict[str, Any], code: str, field: str
) -> None:
    id = (await pipeline(repo))["id"]
    made = await repo.client.do("runPipeline", "pipelineRun { id }", pipelineId=id, **more)
    assert (made["pipelineRun"], made["events"]) == (None, [])
    assert [(error["code"], error["field"]) for error in made["errors"]] == [(code, field)]
    assert (await pipeline(repo))["runs"] == {"totalCount": 0}


async def test_a_run_that_waits_is_canceled_at_once_and_one_that_has_not_ended_has_no_retry(repo: Repo) -> None:
    id = (await pipeline(repo))["id"]
    run = (await repo.client.done("runPipeline", "pipelineRun { id }", pipelineId=id))["pipelineRun"]["id"]
    early = await repo.client.do("retryPipelineRun", "pipelineRun { id }", runId=run)
    assert [error["code"] for error in early["errors"]] == ["PRECONDITION_FAILED"]
    made = await repo.client.done("cancelPipelineRun", "pipelineRun { status failureReason finishedAt }", runId=run)
    assert (made["pipelineRun"]["status"], made["pipelineRun"]["failureReason"]) == ("CANCELED", None)
    assert [event["eventType"] for event in made["events"]] == [
        "PipelineRunCancellationRequested", "PipelineRunFinished",
    ]  # fmt: skip
    again = await repo.client.done("retryPipelineRun", "pipelineRun { attempt firstAttempt { id } }", runId=run)
    assert again["pipelineRun"] == {"attempt": 2, "firstAttempt": {"id": run}}


async def test_an_archived_repository_runs_nothing(repo: Repo) -> None:
    id = (await pipeline(repo))["id"]
    await repo.client.done("archiveRepository", "repository { id }", repositoryId=repo.id)
    made = await repo.client.do("runPipeline", "pipelineRun { id }", pipelineId=id)
    assert [error["code"] for error in made["errors"]] == ["PRECONDITION_FAILED"]
