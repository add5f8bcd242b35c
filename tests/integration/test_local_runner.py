"""The local runner on real Git and real processes: clean, bounded, and nothing left behind."""

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from providers.blobs.folder import BlobFolder
from providers.git.embedded import EmbeddedGit
from providers.git.values import FileChange, FileMode, RepositoryKey, Signature
from providers.pipelines.errors import PipelineInvalid, RunLost
from providers.pipelines.local import log as log_module
from providers.pipelines.local.log import FileRunLogs
from providers.pipelines.local.runner import LocalRunner
from providers.pipelines.values import Ended, FailureReason, Produced, Record, RunKey, RunOrder, Status


@dataclass
class Ran:
    """How a run went."""

    ended: Ended
    records: dict[int, Record]
    lines: list[str]
    produced: list[Produced]

    @property
    def steps(self) -> list[tuple[str, str | None]]:
        return [(one.status.value, one.explanation) for one in self.records.values() if one.kind.value == "STEP"]


class Machine:
    """A repository and a runner with one slot."""

    def __init__(self, root: Path) -> None:
        self.root, self.git, self.logs = root, EmbeddedGit(root / "git"), FileRunLogs(root / "logs")
        self.blobs = BlobFolder(root / "blobs")
        self.runner = LocalRunner(root / "work", self.git, self.logs, self.blobs, slots=1)
        self.repository = RepositoryKey(tenant_id=uuid4(), repository_id=uuid4())
        self.sha = ""

    async def commit(self, parent: str | None = None, **files: str) -> str:
        who = Signature(name="a", email="a@example.test", when=datetime(2030, 1, 1, tzinfo=UTC))
        changes = [
            FileChange(path=name.replace("_", "/"), content=text.encode(), mode=FileMode.EXECUTABLE)
            for name, text in files.items()
        ]
        made = await self.git.write_commit(
            self.repository, parent=parent, changes=changes, author=who, committer=who, message="m"
        )
        await self.git.swap(self.repository, "main", old=parent, new=made.sha)
        return made.sha

    def order(self, yaml: str, **variables: str) -> RunOrder:
        return RunOrder(
            key=RunKey(tenant_id=self.repository.tenant_id, run_id=uuid4()),
            repository=self.repository,
            repository_name="r",
            branch="main",
            commit_sha=self.sha,
            yaml=yaml,
            files={},
            variables=variables,
        )

    async def run(self, yaml: str, cancel_at: str | None = None, **variables: str) -> Ran:
        order = self.order(yaml, **variables)
        records: dict[int, Record] = {}
        produced: list[Produced] = []
        async with asyncio.timeout(30), self.runner.turn(order.key.tenant_id):
            await self.runner.start(order)
            canceling = asyncio.create_task(self.cancel(order.key, cancel_at)) if cancel_at else None
            async for change in self.runner.watch(order.key):
                records |= {record.number: record for record in change.records}
                produced += change.produced
                if change.ended is not None:
                    break
            await self.runner.forget(order.key)
            if canceling is not None:
                await canceling
        assert change.ended is not None
        lines: list[str] = []
        while more := await self.logs.read(order.key, after=len(lines), limit=500):
            lines += [line.text for line in more]
        assert list((self.root / "work").glob("*")) == []
        return Ran(change.ended, records, lines, produced)

    async def cancel(self, key: RunKey, at: str) -> None:
        lines: list[str] = []
        while at not in lines:
            await self.logs.grown(key, after=len(lines), seconds=5)
            lines = [line.text for line in await self.logs.read(key, after=0, limit=500)]
        await self.runner.cancel(key)


@pytest.fixture
async def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    await made.git.create(made.repository, default_branch="main")
    made.sha = await made.commit(first="first\n")
    return made


def steps(*scripts: str) -> str:
    return "steps:\n- checkout: none\n" + "".join(f"- script: {script}\n" for script in scripts)


async def test_a_job_stands_at_exactly_its_commit_in_a_repository_of_its_own(machine: Machine) -> None:
    await machine.commit(machine.sha, first="second\n")
    ran = await machine.run("steps:\n- script: cat first; git rev-parse HEAD; git status --porcelain; git remote\n")
    assert ran.ended == Ended(status=Status.SUCCEEDED)
    assert ran.lines[4:6] == ["first", machine.sha]
    assert ran.lines[6] == "##[section]Finishing: CmdLine"


async def test_a_step_sees_nothing_of_the_environment_of_the_server(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET", "x")
    ran = await machine.run(steps("env | cut -d= -f1 | sort | tr '\\n' ' '"), **{"Build.Reason": "Manual"})
    names = set(ran.lines[1].split())
    assert {"BUILD_REASON", "HOME", "PATH", "TMPDIR", "SLIPWAY_RUN", "TF_BUILD", "SYSTEM_JOBNAME"} <= names
    assert names.isdisjoint({"AWS_SECRET", "VIRTUAL_ENV", "PYTHONPATH", "SLIPWAY_DATA"})


async def test_a_build_knows_the_time_of_its_commit_and_not_its_own(machine: Machine) -> None:
    ran = await machine.run(steps("echo at $SOURCE_DATE_EPOCH"))
    assert f"at {int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())}" in ran.lines


async def test_variables_cover_each_other_from_the_pipeline_to_the_step(machine: Machine) -> None:
    yaml = """variables: {a: root, b: root, c: root, d: root}
stages:
- stage: S
  variables: {b: stage, c: stage}
  jobs:
  - job: J
    variables: {c: job}
    steps:
    - checkout: none
    - script: echo $(a) $(b) $(c) $A $B $C $D
      env: {D: "step $(c)"}
"""
    assert "root stage job root stage job step job" in (await machine.run(yaml)).lines


async def test_a_step_that_runs_too_long_is_ended_with_its_children(machine: Machine) -> None:
    yaml = steps("sleep 60 & sleep 60") + "  timeoutInMinutes: 0.005\n"
    began = time.monotonic()
    ran = await machine.run(yaml)
    assert time.monotonic() - began < 5
    assert ran.ended.failure_reason is FailureReason.STEP_FAILED
    assert ran.steps[1] == ("FAILED", "it ran longer than its 0.005 minutes and was ended")


async def test_a_job_that_runs_too_long_is_ended_and_says_so(machine: Machine) -> None:
    yaml = "jobs:\n- job: a\n  timeoutInMinutes: 0.005\n  steps: [{checkout: none}, {script: sleep 60}, {script: x}]\n"
    ran = await machine.run(yaml)
    told = "the job ran longer than its 0.005 minutes and was ended"
    assert ran.steps == [("SKIPPED", "it is not enabled"), ("CANCELED", told), ("SKIPPED", told)]
    assert ran.records[2].status is Status.FAILED


async def test_a_signal_is_told_and_the_rest_is_skipped_with_its_reason(machine: Machine) -> None:
    ran = await machine.run(steps("kill -9 $$", "echo never"))
    assert ran.steps[1:] == [
        ("FAILED", "script ended with signal 9"),
        ("SKIPPED", "succeeded() is false: 2 CmdLine FAILED"),
    ]


async def test_a_folder_that_is_not_there_fails_the_step(machine: Machine) -> None:
    ran = await machine.run(steps("pwd") + "  workingDirectory: nowhere\n")
    (status, explanation) = ran.steps[1]
    assert (status, (explanation or "").endswith("/s/nowhere' is no folder")) == ("FAILED", True)


async def test_what_a_step_starts_may_go_on_until_the_job_ends_and_no_longer(machine: Machine) -> None:
    script = "(sleep 0.3; touch started) & (setsid sh -c 'exec >/dev/null; sleep 61' &)"
    ran = await machine.run(steps(script, "while [ ! -e started ]; do sleep 0.05; done", "echo $SLIPWAY_RUN"))
    assert ran.ended.status is Status.SUCCEEDED
    mark = f"SLIPWAY_RUN={next(line for line in ran.lines if line.endswith('.2'))}".encode()
    assert not any(mark in environment for environment in environments())


def environments() -> list[bytes]:
    """Of every process on this machine."""
    found = []
    for entry in os.scandir("/proc"):
        with suppress(OSError):
            found.append(Path(entry.path, "environ").read_bytes())
    return found


async def test_a_canceled_run_ends_at_once_and_so_do_the_jobs_beside_it(machine: Machine) -> None:
    last = "{{script: x, condition: always()}}"
    job = f"- job: {{}}\n  steps: [{{{{checkout: none}}}}, {{{{script: 'echo {{}}; sleep 60'}}}}, {last}]\n"
    began = time.monotonic()
    ran = await machine.run("jobs:\n" + job.format("a", "one") + job.format("b", "two"), cancel_at="two")
    assert time.monotonic() - began < 5
    assert ran.ended == Ended(status=Status.CANCELED)
    assert [status for status, _ in ran.steps] == ["SKIPPED", "CANCELED", "SKIPPED"] * 2
    assert "##[warning]The run was canceled" in ran.lines


async def test_a_flood_is_kept_up_to_the_bound_and_does_not_hold_the_step(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "MOST_BYTES", 20_000)
    ran = await machine.run(steps("head -c 20000000 /dev/zero | tr '\\0' 'x' | fold -w 100", "echo after"))
    assert ran.ended.status is Status.SUCCEEDED
    assert ran.lines[-1] == "##[warning]The log has reached 20000 bytes: the rest of it is not kept"


async def test_what_is_read_only_is_removed_and_links_out_of_it_are_not_followed(machine: Machine) -> None:
    kept = machine.root / "kept"
    kept.mkdir()
    (kept / "file").touch()
    ran = await machine.run(steps(f"mkdir -p a/b; ln -s {kept} a/b/link; touch a/b/c; chmod 500 a/b a"))
    assert ran.ended.status is Status.SUCCEEDED
    assert (kept / "file").exists()


async def test_a_broken_file_starts_nothing_and_an_unknown_run_is_lost(machine: Machine) -> None:
    order = machine.order("steps: []")
    with pytest.raises(PipelineInvalid):
        await machine.runner.start(order)
    with pytest.raises(RunLost):
        await machine.runner.adopt(order.key)
    await machine.runner.forget(order.key)


async def test_a_commit_that_is_gone_fails_the_run_and_not_the_server(machine: Machine) -> None:
    order = replace(machine.order("steps: [{script: x}]"), commit_sha="0" * 39 + "1")
    await machine.runner.start(order)
    async for change in machine.runner.watch(order.key):
        ended = change.ended
    await machine.runner.forget(order.key)
    assert ended is not None
    assert (ended.status, ended.failure_reason) == (Status.FAILED, FailureReason.EXECUTOR_FAILED)
    assert ended.failure is not None
    assert ended.failure.startswith("ExecutorFailed: git fetch ended with 128: ")
