"""What steps publish: tasks and commands against real files, real processes and a real blob store."""

import hashlib
from pathlib import Path

import pytest

from providers.blobs.store import BlobKey
from providers.pipelines.local import collection
from providers.pipelines.local.pythons import interpreters
from providers.pipelines.values import Produced, ProducedKind, Status
from tests.integration.test_local_runner import Machine, Ran, machine

__all__ = ["machine"]
JUNIT = "<testsuite><testcase name='a'/><testcase name='b'><failure message='no'/></testcase></testsuite>"
COVERAGE = "<coverage><class filename='a.py'><lines><line number='1' hits='1'/></lines></class></coverage>"

ONE = "sha256:" + hashlib.sha256(b"one\n").hexdigest()


async def ran(machine: Machine, *steps: str) -> Ran:
    return await machine.run("steps:\n- checkout: none\n" + "".join(f"- {step}\n" for step in steps))


def told(produced: list[Produced]) -> list[tuple[int, str, str, str]]:
    return [(one.number, one.kind.value, one.name, one.path) for one in produced]


def content(machine: Machine, one: Produced) -> bytes:
    with machine.blobs.open(BlobKey(tenant_id=machine.repository.tenant_id, digest=one.digest)) as file:
        return file.read()


async def test_a_folder_is_an_artifact_by_its_files_with_digest_size_and_mode(machine: Machine) -> None:
    script = "script: mkdir -p out/sub && echo one > out/a && echo two! > out/sub/b && chmod +x out/sub/b"
    found = await ran(machine, script, "{publish: out, artifact: dist}")
    assert found.ended.status is Status.SUCCEEDED, found.lines
    assert told(found.produced) == [(1, "ARTIFACT", "dist", "a"), (2, "ARTIFACT", "dist", "sub/b")]
    one, two = found.produced
    assert (one.digest, one.size, one.executable) == (ONE, 4, False)
    assert (content(machine, two), two.size, two.executable, two.step) == (b"two!\n", 5, True, 5)


async def test_a_file_is_an_artifact_and_a_later_job_has_it_where_it_asks(machine: Machine) -> None:
    yaml = """jobs:
- job: a
  steps:
  - checkout: none
  - script: echo kept > x && chmod +x x
  - task: publishpipelineartifact@1
    inputs: {path: x, Artifact: one}
  - task: PublishBuildArtifacts@1
    inputs: {PathtoPublish: x}
- job: b
  dependsOn: a
  steps:
  - checkout: none
  - download: current
    artifact: one
  - task: DownloadPipelineArtifact@2
    inputs: {targetPath: $(Build.SourcesDirectory)/all, patterns: "*"}
  - script: cat "$(Pipeline.Workspace)/one/x" all/drop/x; test -x all/one/x && find .. -name x | wc -l
"""
    found = await machine.run(yaml)
    assert found.ended.status is Status.SUCCEEDED, found.lines
    assert [line for line in found.lines if not line.startswith("##")][-3:] == ["kept", "kept", "3"]


async def test_an_artifact_that_is_not_there_fails_the_download(machine: Machine) -> None:
    found = await ran(machine, "{download: current, artifact: none}")
    assert found.steps[1] == ("FAILED", "DownloadPipelineArtifact@2: there is no artifact 'none' in this run yet")


async def test_the_same_file_is_published_once_and_another_under_its_name_is_refused(machine: Machine) -> None:
    publish = "{publish: x, artifact: one}"
    found = await ran(machine, "script: echo 1 > x", publish, publish, "script: echo 2 > x", publish)
    assert told(found.produced) == [(1, "ARTIFACT", "one", "x")]
    why = "PublishPipelineArtifact@1: artifact 'one' has 'x' with other content: give it another name"
    assert found.steps[-1] == ("FAILED", why)


HOSTILE = [
    ("ln -s {secret} out/link", "'s/out/link' is a link that leaves the job's folder"),
    ("ln -s {folder} out/link", "'s/out/link' is a link that leaves the job's folder"),
    ("ln -s . out/link", "'s/out/link' is no file"),
    ("ln -s nowhere out/link", "'s/out/link' cannot be read: No such file or directory"),
    ("mkfifo out/pipe", "'s/out/pipe' is no file"),
    ("rmdir out && ln -s {folder} out", "'s/out' is a link that leaves the job's folder"),
    ("rmdir out", "'s/out' is not there"),
]


@pytest.mark.parametrize(("script", "why"), HOSTILE)
async def test_what_leads_out_of_the_workspace_is_never_taken(machine: Machine, script: str, why: str) -> None:
    secret = machine.root / "secret"
    secret.mkdir()
    (secret / "key").write_text("the key")
    made = script.format(secret=secret / "key", folder=secret)
    found = await ran(machine, f"script: mkdir out && {made}", "{publish: out, artifact: x}")
    assert found.steps[-1] == ("FAILED", f"PublishPipelineArtifact@1: {why}")
    assert found.produced == []
    assert not any("the key" in blob.read_text() for blob in (machine.root / "blobs").rglob("*") if blob.is_file())


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../x", "$(Pipeline.Workspace)/.."])
async def test_a_path_out_of_the_workspace_is_refused_by_name(machine: Machine, path: str) -> None:
    found = await ran(machine, f"{{publish: '{path}', artifact: x}}")
    assert "is not in the job's folder" in str(found.steps[-1][1])
    assert found.produced == []


@pytest.mark.parametrize("task", ["CopyFiles@2", "DownloadPipelineArtifact@2"])
async def test_nothing_is_written_through_a_link(machine: Machine, task: str) -> None:
    outside = machine.root / "outside"
    outside.mkdir()
    inputs = {"CopyFiles@2": "Contents: x, TargetFolder: link", "DownloadPipelineArtifact@2": "targetPath: link"}[task]
    found = await ran(
        machine, f"script: echo 1 > x && ln -s {outside} link", "{publish: x, artifact: one}",
        f"{{task: {task}, inputs: {{{inputs}}}}}",
    )  # fmt: skip
    assert found.steps[-1][0] == "FAILED"
    assert "cannot be written" in str(found.steps[-1][1])
    assert list(outside.iterdir()) == []


async def test_results_are_read_counted_and_kept(machine: Machine) -> None:
    found = await ran(
        machine,
        f'script: mkdir -p r && echo "{JUNIT}" > r/TEST-a.xml && echo "<a" > r/TEST-b.xml && echo "{COVERAGE}" > c.xml',
        "{task: PublishTestResults@2, inputs: {testRunTitle: Unit}}",
        "{task: PublishCodeCoverageResults@2, inputs: {summaryFileLocation: $(System.DefaultWorkingDirectory)/*.xml}}",
    )
    assert found.ended.status is Status.SUCCEEDED, found.lines
    assert told(found.produced) == [
        (1, "TEST_RESULTS", "Unit", "s/r/TEST-a.xml"), (2, "COVERAGE", "coverage", "s/c.xml")
    ]  # fmt: skip
    assert [one.written for one in found.produced] == ["JUNIT", "COBERTURA"]
    assert "Read 1 files: 2 test cases, 1 failed" in found.lines
    assert any(line.startswith("##[warning]s/r/TEST-b.xml: not well-formed XML") for line in found.lines)
    assert "Read 1 files: coverage of 1 source files" in found.lines


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ("failTaskOnFailedTests: true", "1 of 2 test cases failed"),
        ("failTaskOnMissingResultsFile: true, testResultsFiles: none.xml", "no file matches 'none.xml'"),
        ("failTaskOnFailureToPublishResults: true, testResultsFormat: NUnit",
         "s/TEST-a.xml: NUnit begins with test-run or test-results, not with 'testsuite'"),
    ],
)  # fmt: skip
async def test_results_fail_the_step_where_its_inputs_say_so(machine: Machine, inputs: str, why: str) -> None:
    task = f"{{task: PublishTestResults@2, inputs: {{{inputs}}}}}"
    found = await ran(machine, f'script: echo "{JUNIT}" > TEST-a.xml', task)
    assert found.steps[-1] == ("FAILED", f"PublishTestResults@2: {why}")


async def test_commands_publish_what_a_step_prints_once_it_has_ended(machine: Machine) -> None:
    lines = [
        "##vso[artifact.upload artifactname=logs;containerfolder=deep]late.txt",
        "##vso[results.publish type=JUnit;resultFiles=t.xml;runTitle=Unit]",
        "##vso[codecoverage.publish codecoveragetool=Cobertura;summaryfile=c.xml]",
    ]
    script = "; ".join(f"echo '{line}'" for line in lines)
    made = f'echo "{JUNIT}" > t.xml; echo "{COVERAGE}" > c.xml; echo 1 > late.txt'
    found = await ran(machine, f"bash: |\n    {script}\n    {made}")
    assert found.ended.status is Status.SUCCEEDED, found.lines
    assert told(found.produced) == [
        (1, "ARTIFACT", "logs", "deep/late.txt"), (2, "TEST_RESULTS", "Unit", "s/t.xml"),
        (3, "COVERAGE", "coverage", "s/c.xml"),
    ]  # fmt: skip


async def test_a_command_that_is_refused_fails_its_step(machine: Machine) -> None:
    found = await ran(machine, "bash: echo '##vso[artifact.upload artifactname=a]/etc/passwd'")
    (status, why) = found.steps[-1]
    assert (status, str(why).startswith("##vso[artifact.upload]: '/etc/passwd' is not in")) == ("FAILED", True)
    assert found.produced == []


async def test_files_are_copied_as_their_patterns_say(machine: Machine) -> None:
    found = await ran(
        machine,
        "script: mkdir -p src/a/b dst && touch src/a/one.whl src/a/b/two.whl src/a/b/not.txt && echo old > dst/one.whl",
        "task: CopyFiles@2\n  inputs:\n    SourceFolder: src\n    Contents: |\n      **/*\n      !**/*.txt\n"
        "    TargetFolder: dst\n    flattenFolders: true",
        "script: cat dst/one.whl; ls dst | tr '\\n' ' '",
    )
    assert found.ended.status is Status.SUCCEEDED, found.lines
    assert "Copied 1 of 2 files to s/dst" in found.lines
    assert [line.strip() for line in found.lines if not line.startswith("##")][-2:] == ["old", "one.whl two.whl"]


async def test_python_is_the_version_that_was_asked_for(machine: Machine) -> None:
    (version, *_) = interpreters()
    spec = ".".join(map(str, version))
    found = await ran(
        machine, f"{{task: UsePythonVersion@0, inputs: {{versionSpec: '{spec}'}}}}",
        "script: python --version; echo $(pythonLocation)",
    )  # fmt: skip
    assert found.ended.status is Status.SUCCEEDED, found.lines
    assert f"Python {spec}" in found.lines


async def test_a_python_that_is_not_here_is_refused_with_those_that_are(machine: Machine) -> None:
    found = await ran(machine, "{task: UsePythonVersion@0, inputs: {versionSpec: '2.7'}}")
    there = ", ".join(".".join(map(str, version)) for version in sorted(interpreters()))
    why = f"UsePythonVersion@0: no Python 2.7 on this machine: here there are {there}"
    assert found.steps[-1] == ("FAILED", why)


async def test_a_run_puts_out_only_so_much(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "MOST_BYTES", 1_000)
    found = await ran(machine, "script: head -c 2000 /dev/zero > x", "{publish: x, artifact: one}")
    assert "'x': over 0 GiB put out by one run" in str(found.steps[-1][1])
    monkeypatch.setattr(collection, "MOST_FILES", 1)
    found = await ran(machine, "script: mkdir d && touch d/a d/b", "{publish: d, artifact: one}")
    assert "over 1 files of one run" in str(found.steps[-1][1])
    monkeypatch.setattr(collection, "MOST_CASES", 1)
    found = await ran(machine, f'script: echo "{JUNIT}" > TEST-a.xml', "{task: PublishTestResults@2}")
    assert "##[warning]s/TEST-a.xml: over 1 test cases of one run" in found.lines
    assert [one.kind for one in found.produced] == []


async def test_blobs_of_a_run_are_its_tenants(machine: Machine, tmp_path: Path) -> None:
    found = await ran(machine, "script: echo 1 > x", "{publish: x, artifact: one}")
    assert [one.kind for one in found.produced] == [ProducedKind.ARTIFACT]
    assert [path.name for path in (machine.root / "blobs").iterdir() if path.name[0] != "."] == [
        machine.repository.tenant_id.hex
    ]
