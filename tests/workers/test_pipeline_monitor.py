"""PipelineMonitorWorker by hand: what starts a run, once; how a run is driven, lost and canceled."""

import asyncio
from typing import Any

import pytest

from providers.errors import ProviderUnavailable
from providers.git.embedded import EmbeddedGit
from providers.pipelines.definition.tasks import TASKS
from providers.pipelines.values import RunKey
from storage.event_log import EventFilter, read
from storage.tables.operations import EventRow
from tests.api.conftest import admin, operator
from tests.api.test_commits import Repo, repo
from workers.delivery import of_event
from workers.execution import Execution
from workers.worker import LookingWorker

pytestmark = pytest.mark.both_databases

__all__ = ["admin", "operator", "repo"]
NAME = "PipelineMonitorWorker"
STEPS = "jobs:\n- job: a\n  steps:\n  - checkout: none\n  - script: {script}\n"
SHARED = "parameters:\n- {name: who, type: string}\nsteps:\n- script: echo hello ${{ parameters.who }}\n"
RUNS = """{ pipelineRuns { nodes { id number status reason attempt branch commitSha failureReason failure
    pullRequest { number } firstAttempt { number } stages { jobs { displayName status explanation
        steps { displayName status explanation exitCode } } } } } }"""


class Monitored:
    """A repository whose worker runs when the test says so."""

    def __init__(self, repo: Repo) -> None:
        self.repo, self.client = repo, repo.client
        self.runtime = repo.client.slipway.workers.runtime

    async def events(self, *types: str) -> list[EventRow]:
        async with self.client.slipway.database.reading(self.repo.access) as session:
            return await read(session, self.repo.access, after=0, wanted=EventFilter(types=types), limit=500)

    async def deliver(self, *types: str) -> None:
        """Every event of these types, each twice at once and then again."""
        for row in await self.events(*types):
            runs = [self.runtime.run(NAME, row.event_id.hex, 1) for _ in range(2)]
            await asyncio.gather(*runs)
            assert await self.runtime.run(NAME, row.event_id.hex, 1) is None

    async def runs(self) -> list[dict[str, Any]]:
        return list((await self.client.ask(RUNS))["pipelineRuns"]["nodes"])

    async def file(self, text: str, branch: str = "work") -> str:
        """The sha of a branch that holds this pipeline."""
        return await self.commit({"azure-pipelines.yml": text}, branch=branch)

    async def commit(self, files: dict[str, str], *, branch: str = "work", repository: str | None = None) -> str:
        """The sha of a branch that holds these files."""
        changes = [{"path": path, "content": content} for path, content in files.items()]
        fields = {"repositoryId": repository or self.repo.id, "branch": branch, "message": "m", "changes": changes}
        made = await self.client.done("createCommit", "commit { sha }", **fields)
        return str(made["commit"]["sha"])

    async def repository(self, name: str, project: str | None = None) -> str:
        """The id of one more, with a branch to work on."""
        fields = {"name": name, "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
        home = project or self.repo.project
        module = (await self.client.done("registerModule", "module { id }", projectId=home, **fields))["module"]["id"]
        made = await self.client.done("provisionRepository", "repository { id }", moduleId=module)
        requested = made["events"][0]["eventId"].split("-")[1]
        assert await self.runtime.run("RepositoryProvisioningWorker", requested, 1) is None
        found = str(made["repository"]["id"])
        await self.client.done("createBranch", "branch { id }", repositoryId=found, name="work")
        return found

    async def log(self) -> list[str]:
        """What the only run has told."""
        (queued,) = await self.events("PipelineRunQueued")
        key = RunKey(tenant_id=queued.tenant_id, run_id=queued.subject_id)
        lines = await self.client.slipway.providers.run_logs.read(key, after=0, limit=100)
        return [line.text for line in lines]


@pytest.fixture
def monitored(repo: Repo) -> Monitored:
    return Monitored(repo)


async def test_a_push_starts_one_run_however_often_it_is_delivered(monitored: Monitored) -> None:
    sha = await monitored.file("trigger: [work]\n" + STEPS.format(script="echo hi"))
    await monitored.deliver("BranchCreated", "BranchUpdated")
    (run,) = await monitored.runs()
    assert (run["status"], run["reason"], run["branch"], run["commitSha"]) == ("QUEUED", "TRIGGER", "work", sha)
    assert len(await monitored.events("PipelineRunQueued")) == 1


async def test_only_a_move_that_starts_a_run_concerns_it(monitored: Monitored, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = monitored.runtime.workers[NAME]
    assert isinstance(worker, LookingWorker)

    async def concerned() -> bool:
        return await worker.concerns(of_event((await monitored.events("BranchUpdated"))[-1]))

    await monitored.file("trigger: [main]\n" + STEPS.format(script="echo hi"))
    assert not await concerned()
    await monitored.file("trigger: [work]\n" + STEPS.format(script="echo hi"))
    assert await concerned()

    async def down(*_: object, **__: object) -> None:
        raise ProviderUnavailable("the disk is away")

    await monitored.file("trigger: none\n" + STEPS.format(script="echo hi"))
    assert not await concerned()
    monkeypatch.setattr(EmbeddedGit, "file", down)
    assert await concerned()


async def test_a_queued_run_is_driven_once_to_its_end(monitored: Monitored) -> None:
    await monitored.file("trigger: [work]\n" + STEPS.format(script="exit 3"))
    await monitored.deliver("BranchUpdated")
    await monitored.deliver("PipelineRunQueued")
    (run,) = await monitored.runs()
    assert (run["status"], run["failureReason"]) == ("FAILED", "STEP_FAILED")
    (job,) = run["stages"][0]["jobs"]
    assert [(step["status"], step["exitCode"], step["explanation"]) for step in job["steps"]] == [
        ("SKIPPED", None, "it is not enabled"), ("FAILED", 3, "script ended with exit code 3"),
    ]  # fmt: skip
    told = [row.event_type for row in await monitored.events("PipelineRunStarted", "PipelineRunFinished")]
    assert told == ["PipelineRunStarted", "PipelineRunFinished"]


async def test_a_file_that_cannot_run_fails_with_each_mistake_before_anything_runs(monitored: Monitored) -> None:
    await monitored.file("trigger: [work]\njobs:\n- job: a\n  stepz: []\n  steps:\n  - task: Unknown@1\n")
    await monitored.deliver("BranchUpdated")
    await monitored.deliver("PipelineRunQueued")
    (run,) = await monitored.runs()
    assert (run["status"], run["failureReason"], run["stages"]) == ("FAILED", "INVALID_PIPELINE", [])
    assert run["failure"].splitlines() == [
        "azure-pipelines.yml:4:3: 'stepz' is not supported in a job: did you mean 'steps'?",
        f"azure-pipelines.yml:6:5: the task 'Unknown@1' is not supported: {', '.join(TASKS)} pass",
    ]


async def test_templates_of_its_own_and_of_other_repositories_of_the_project_are_run(monitored: Monitored) -> None:
    shared = await monitored.repository("shared")
    await monitored.commit({"ci/hello.yml": SHARED}, repository=shared)
    own = (
        "trigger: [work]\nresources:\n  repositories:\n  - {repository: theirs, type: git, name: shared, ref: work}\n"
        "steps:\n- checkout: none\n- template: ci/own.yml\n"
        "- template: ci/hello.yml@theirs\n  parameters: {who: '${{ variables[''Build.SourceBranchName''] }}'}\n"
    )
    await monitored.commit({"azure-pipelines.yml": own, "ci/own.yml": "steps:\n- bash: echo own\n"})
    await monitored.deliver("BranchUpdated")
    await monitored.deliver("PipelineRunQueued")
    (run,) = await monitored.runs()
    assert (run["status"], run["failure"]) == ("SUCCEEDED", None)
    assert [text for text in await monitored.log() if not text.startswith("##")] == ["own", "hello work"]


async def test_a_template_that_is_absent_or_of_another_project_is_told(
    monitored: Monitored,
) -> None:
    project = (await monitored.client.done("createProject", "project { id }", name="other"))["project"]["id"]
    await monitored.repository("hidden", project)
    named = "resources:\n  repositories:\n  - {repository: theirs, type: git, name: hidden}\n"
    text = f"trigger: [work]\n{named}steps:\n- template: none.yml\n- template: README.md@theirs\n"
    await monitored.file(text)
    await monitored.deliver("BranchUpdated")
    await monitored.deliver("PipelineRunQueued")
    (run,) = await monitored.runs()
    assert run["failure"].splitlines() == [
        "azure-pipelines.yml:6:13: there is no file 'none.yml' in this repository at this commit",
        "azure-pipelines.yml:7:13: there is no file 'README.md' in theirs at this commit",
    ]


async def started(monitored: Monitored) -> EventRow:
    """The delivery of a run whose row says that it runs, though nothing runs it."""
    (queued,) = await monitored.events("PipelineRunQueued")
    slipway = monitored.client.slipway
    execution = Execution(slipway.database, NAME, of_event(queued))
    assert await execution.begin()

    async def start(uow: Any) -> None:
        assert await slipway.services.pipeline_runs.started(uow, queued.subject_id)

    assert await execution.progress("started", start)
    return queued


async def test_a_run_whose_execution_died_is_lost_and_queued_again_as_the_next_attempt(monitored: Monitored) -> None:
    await monitored.file("trigger: [work]\n" + STEPS.format(script="echo hi"))
    await monitored.deliver("BranchUpdated")
    await started(monitored)
    await monitored.deliver("PipelineRunQueued")
    first, second = await monitored.runs()
    assert (first["status"], first["failureReason"], first["attempt"]) == ("FAILED", "LOST", 1)
    assert (second["status"], second["reason"], second["attempt"]) == ("QUEUED", "RETRY", 2)
    assert second["firstAttempt"] == {"number": 1}
    await monitored.deliver("PipelineRunQueued")
    assert [run["status"] for run in await monitored.runs()] == ["FAILED", "SUCCEEDED"]


async def test_nothing_of_a_finished_run_is_left_in_its_workspace(monitored: Monitored) -> None:
    await monitored.file("trigger: [work]\n" + STEPS.format(script="touch here"))
    await monitored.deliver("BranchUpdated")
    await monitored.deliver("PipelineRunQueued")
    assert list((monitored.client.slipway.settings.data / "work").iterdir()) == []
    assert await monitored.log() == ["##[section]Starting: CmdLine", "##[section]Finishing: CmdLine"]
