"""A tenant or project with a row of every type in it, under names that nothing else has."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from main import Slipway
from providers.pipelines.results.values import CaseResult, FileCoverage, Outcome
from providers.pipelines.values import Produced, ProducedKind
from services.pipelines.results import Ingested
from storage.access import Access, Cause
from storage.ids import PREFIXES, parse_id, public_id
from storage.tables.operations import DeadLetterRow
from storage.unit_of_work import unit_of_work
from tests.api.conftest import Client
from tests.packages import wheel

ABSENT = "zz000"  # the marker of what nobody ever made; markers have one length, so that masked answers compare
_CAUSE = Cause(actor_id=None, on_behalf_of=None, trace_id="a" * 32, correlation_id="seed", causation_id="seed")
_SHAS = ("Commit.sha", "PullRequest.sourceSha", "PullRequest.mergeSha")


@dataclass(frozen=True)
class Seeds:
    """What stands in one project: ids under ``Type``, natural keys under ``Type.field``."""

    tenant: str
    marker: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def types(self) -> list[str]:
        """Every type that has an id here."""
        return [name for name in self.values if "." not in name]

    def traces(self, other: "Seeds") -> list[str]:
        """What must never be told to the other: ids and shas, and the markers that all names carry."""
        own = [self.marker] if self.tenant == other.tenant else [self.marker, self.tenant]
        kept = {*other.values.values(), *(self.values[name] for name in TENANT_WIDE if self.tenant == other.tenant)}
        return own + sorted(value for value in self.values.values() if value not in kept and len(value) >= 32)


TENANT_WIDE = frozenset({"Tenant", "Identity", "Human"})  # seen by every token of the tenant, whatever its projects


def natural_keys(tenant: str, marker: str) -> dict[str, str]:
    """The natural keys of what is seeded under these markers."""
    return {
        "Tenant.name": f"{tenant}-tenant",
        "Identity.name": f"{tenant}-agent",
        "Identity.email": f"{tenant}-agent@example.test",
        "Project.name": f"{marker}-project",
        "Project.displayName": f"{marker} displayed",
        "Module.name": f"{marker}-module",
        "Environment.name": f"{marker}-env",
        "Repository.name": f"{marker}-module",
        "Branch.name": f"{marker}-work",
        "Branch.merged": f"{marker}-done",
        "Artifact.name": f"{marker}-artifact",
        "Artifact.producer": f"{marker}-producer",
        "Artifact.digest": "sha256:" + hashlib.sha256(marker.encode()).hexdigest(),
        "Artifact.uri": f"pkg:generic/{marker}@1.0",
        "Artifact.traceId": hashlib.md5(marker.encode(), usedforsecurity=False).hexdigest(),
        "Upload.digest": "sha256:" + hashlib.sha256(f"{marker} uploaded".encode()).hexdigest(),
        "PackagePublication.name": f"{marker}-package",
        "PackageFile.filename": f"{marker}_package-1.0-py3-none-any.whl",
        "BuildArtifact.name": f"{marker}-dist",
        "BuildArtifact.path": f"{marker}.whl",
        "BuildArtifact.digest": "sha256:" + hashlib.sha256(f"{marker} built".encode()).hexdigest(),
        "TestCase.suite": f"{marker}_suite",
        "TestCase.name": f"test_{marker}",
        "FileCoverage.path": f"{marker}.py",
        "Commit.message": f"{marker} said",
        "PullRequest.title": f"{marker} proposed",
        "Token.name": f"{marker}-token",
        "DeadLetter.worker": f"{marker}-worker",
        "File.path": f"{marker}.txt",
    }


def absent(name: str, given: str) -> str:
    """What stands for nothing, shaped as the value of this name is."""
    if "." not in name:
        return f"{given.split('-')[0]}-{'0' * 32}"
    return "0" * 40 if name in _SHAS else natural_keys(ABSENT, ABSENT)[name]


async def run(slipway: Slipway, worker: str, events: list[dict[str, Any]], event_type: str) -> None:
    """The worker's delivery of the first event of the type."""
    event = next(event for event in events if event["eventType"] == event_type)
    assert await slipway.workers.runtime.run(worker, event["eventId"].split("-")[1], 1) is None


async def seeded(admin: Client, tenant: str, marker: str) -> Seeds:
    """Seeds of a new project in the admin's tenant, whose own marker is ``tenant``."""
    seeds = Seeds(tenant, marker, natural_keys(tenant, marker))
    await _platform(admin, seeds)
    await _repository(admin, seeds)
    await _pull_requests(admin, seeds)
    await _package(admin, seeds)
    await _build_result(admin, seeds)
    await _dead_letter(admin, seeds)
    unknown = sorted(set(seeds.types) - set(PREFIXES) - {"Human"})
    assert not unknown, f"{unknown} are seeded and have no prefix in storage/ids.py"
    return seeds


async def _platform(admin: Client, seeds: Seeds) -> None:
    values = seeds.values
    viewer = (await admin.ask("{ viewer { identity { id } tenant { id } } }"))["viewer"]
    values["Tenant"], values["Human"] = viewer["tenant"]["id"], viewer["identity"]["id"]
    known = await admin.ask("query($f: IdentityFilter) { identities(filter: $f) { nodes { id } } }",
                            f={"name": [values["Identity.name"]]})  # fmt: skip
    if known["identities"]["nodes"]:
        values["Identity"] = known["identities"]["nodes"][0]["id"]
    else:
        who = {"name": values["Identity.name"], "kind": "AGENT", "email": values["Identity.email"]}
        made = await admin.done("createIdentity", "identity { id }", **who, onBehalfOf=values["Human"])
        values["Identity"] = made["identity"]["id"]
    project = {"name": values["Project.name"], "displayName": values["Project.displayName"]}
    values["Project"] = (await admin.done("createProject", "project { id }", **project))["project"]["id"]
    module = {"name": values["Module.name"], "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    made = await admin.done("registerModule", "module { id }", projectId=values["Project"], **module)
    values["Module"], values["Event"] = made["module"]["id"], made["events"][0]["eventId"]
    artifact = {name: values[f"Artifact.{name}"] for name in ("name", "producer", "digest", "uri", "traceId")}
    artifact |= {"projectId": values["Project"], "moduleId": values["Module"]}
    values["Artifact"] = (await admin.done("registerArtifact", "artifact { id }", **artifact))["artifact"]["id"]
    bearer, project = {"Authorization": f"Bearer {admin.token}"}, {"project": values["Project.name"]}
    sent = f"{seeds.marker} uploaded".encode()
    assert (await admin.http.post("/uploads", content=sent, params=project, headers=bearer)).status_code == 201
    fields = {"identityId": values["Identity"], "name": values["Token.name"], "scopes": ["READ"]}
    made = await admin.done("issueToken", "token { id }", **fields, projectIds=[values["Project"]])
    values["Token"] = made["token"]["id"]


async def _repository(admin: Client, seeds: Seeds) -> None:
    values, slipway = seeds.values, admin.slipway
    fields = {"projectId": values["Project"], "name": values["Environment.name"]}
    made = await admin.done("declareEnvironment", "environment { id }", **fields)
    values["Environment"] = made["environment"]["id"]
    await run(slipway, "RepositoryProvisioningWorker", made["events"], "RepositoryProvisioningRequested")
    fields = {"environmentId": values["Environment"], "moduleId": values["Module"]}
    entries = [{"name": "GREETING", "value": seeds.marker}]
    made = await admin.done("setConfiguration", "configuration { id }", **fields, entries=entries)
    values["Configuration"] = made["configuration"]["id"]
    made = await admin.done("provisionRepository", "repository { id }", moduleId=values["Module"], requiredReviews=0)
    values["Repository"] = made["repository"]["id"]
    await run(slipway, "RepositoryProvisioningWorker", made["events"], "RepositoryProvisioningRequested")


async def _pull_requests(admin: Client, seeds: Seeds) -> None:
    """One that is merged, and one that is open, checked and reviewed."""
    values = seeds.values
    merged = await _proposed(admin, seeds, values["Branch.merged"])
    fields = {"pullRequestId": merged["id"], "expectedSourceSha": merged["sourceSha"]}
    made = await admin.done("mergePullRequest", "pullRequest { mergeSha }", **fields)
    values["PullRequest.mergeSha"] = made["pullRequest"]["mergeSha"]
    pull = await _proposed(admin, seeds, values["Branch.name"])
    values["PullRequest"], values["PullRequest.sourceSha"] = pull["id"], pull["sourceSha"]
    fields = {"pullRequestId": pull["id"], "sourceSha": pull["sourceSha"], "verdict": "COMMENT"}
    selection = "pullRequest { reviews { nodes { id } } checks { nodes { id } } }"
    made = await admin.done("reviewPullRequest", selection, **fields, body=seeds.marker)
    values["Review"] = made["pullRequest"]["reviews"]["nodes"][0]["id"]
    await run(admin.slipway, "PullRequestCheckWorker", made["events"], "PullRequestReviewed")
    selection = "checks { nodes { id } } pipelineRuns { nodes { id pipeline { id } } }"
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on PullRequest {{ {selection} }} }} }}"
    made = (await admin.ask(query, id=pull["id"]))["node"]
    values["Check"], (started,) = made["checks"]["nodes"][0]["id"], made["pipelineRuns"]["nodes"]
    values["PipelineRun"], values["PipelineDefinition"] = started["id"], started["pipeline"]["id"]


async def _package(admin: Client, seeds: Seeds) -> None:
    """One version with one file, published by the worker."""
    values = seeds.values
    filename, content = wheel(f"{seeds.marker}_package", "1.0")
    bearer, project = {"Authorization": f"Bearer {admin.token}"}, {"project": values["Project.name"]}
    sent = await admin.http.post("/uploads", content=content, params=project, headers=bearer)
    fields = {"projectId": values["Project"], "moduleId": values["Module"], "filename": filename}
    fields |= {"uploadDigest": sent.json()["digest"], "traceId": values["Artifact.traceId"]}
    selection = "packagePublication { id files { nodes { id } } }"
    made = await admin.done("publishPackage", selection, **fields)
    values["PackagePublication"] = made["packagePublication"]["id"]
    values["PackageFile"] = made["packagePublication"]["files"]["nodes"][0]["id"]
    await run(admin.slipway, "PackagePublishWorker", made["events"], "PackagePublicationRequested")


async def _proposed(admin: Client, seeds: Seeds, branch: str) -> dict[str, Any]:
    values = seeds.values
    made = await admin.done("createBranch", "branch { id }", repositoryId=values["Repository"], name=branch)
    values["Branch"] = made["branch"]["id"]
    changes = [{"path": f"{seeds.marker}.txt", "content": f"{branch}\n"}]
    fields = {"repositoryId": values["Repository"], "branch": branch, "message": values["Commit.message"]}
    made = await admin.done("createCommit", "commit { id sha }", **fields, changes=changes,
                            artifactId=values["Artifact"])  # fmt: skip
    values["Commit"], values["Commit.sha"] = made["commit"]["id"], made["commit"]["sha"]
    fields = {"repositoryId": values["Repository"], "sourceBranch": branch, "title": values["PullRequest.title"]}
    made = await admin.done("openPullRequest", "pullRequest { id sourceSha }", **fields)
    await run(admin.slipway, "PipelineMonitorWorker", made["events"], "PullRequestOpened")
    pull: dict[str, Any] = made["pullRequest"]
    return pull


async def _build_result(admin: Client, seeds: Seeds) -> None:
    """No program runs here: what a run comes to is recorded by the service that does so."""
    values, service = seeds.values, admin.slipway.services.build_results
    access = Access(tenant_id=parse_id(values["Tenant"])[1])
    _, run_id = parse_id(values["PipelineRun"])
    case = CaseResult(suite=values["TestCase.suite"], name=values["TestCase.name"], outcome=Outcome.FAILED,
                      message=seeds.marker, stack=seeds.marker)  # fmt: skip
    covered = FileCoverage(path=values["FileCoverage.path"], lines_covered=1, lines=2)
    produced = Produced(number=1, step=1, kind=ProducedKind.ARTIFACT, name=values["BuildArtifact.name"],
                        path=values["BuildArtifact.path"], digest=values["BuildArtifact.digest"], size=11)  # fmt: skip
    await admin.slipway.providers.blobs.put(access.tenant_id, _once(f"{seeds.marker} built".encode()))
    ingested = Ingested(cases=[case], files=[covered], problems=[seeds.marker])
    async with unit_of_work(admin.slipway.database, access, _CAUSE) as uow:
        await service.collected(uow, run_id, [produced])
        await service.tested(uow, run_id, ingested.tests())
        await service.covered(uow, run_id, 1, ingested.files)
        await service.completed(uow, run_id, ingested)
        await uow.commit()
    selection = """buildResult { id artifacts { nodes { id } } files { nodes { id } }
        testResults { nodes { id testCase { id } } } }"""
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on PipelineRun {{ {selection} }} }} }}"
    made = (await admin.ask(query, id=values["PipelineRun"]))["node"]["buildResult"]
    (result,) = made["testResults"]["nodes"]
    values["BuildResult"], values["TestCaseResult"], values["TestCase"] = (
        made["id"],
        result["id"],
        result["testCase"]["id"],
    )
    values["BuildArtifact"] = made["artifacts"]["nodes"][0]["id"]
    values["FileCoverage"] = made["files"]["nodes"][0]["id"]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _dead_letter(admin: Client, seeds: Seeds) -> None:
    """No worker fails for real here: the row is written as the runtime writes it."""
    values = seeds.values
    _, tenant_id = parse_id(values["Tenant"])
    _, project_id = parse_id(values["Project"])
    row = DeadLetterRow(
        tenant_id=tenant_id,
        project_id=project_id,
        worker=values["DeadLetter.worker"],
        delivery=uuid4().hex,
        subject=values["Repository"],
        attempts=3,
        reason=seeds.marker,
    )
    async with unit_of_work(admin.slipway.database, Access(tenant_id=tenant_id), _CAUSE) as uow:
        await uow.rows.add(row)
        await uow.commit()
    values["DeadLetter"] = public_id("DeadLetter", row.id)
