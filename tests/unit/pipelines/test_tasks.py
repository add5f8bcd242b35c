"""Tasks as a file names them, and the patterns of files that they take."""

import time

import pytest

from providers.pipelines.definition.load import load
from providers.pipelines.definition.tasks import TASKS
from providers.pipelines.definition.values import Step, StepKind
from providers.pipelines.errors import PipelineInvalid
from providers.pipelines.local import tasks
from providers.pipelines.local.patterns import Patterns


def step(text: str) -> Step:
    return load(f"steps:\n- checkout: none\n- {text}\n").stages[0].jobs[0].steps[1]


def problems(text: str) -> list[str]:
    with pytest.raises(PipelineInvalid) as refused:
        load(f"steps:\n- {text}\n")
    return [str(problem).removeprefix("azure-pipelines.yml:") for problem in refused.value.problems]


def test_every_task_that_a_file_may_name_is_done_here() -> None:
    assert set(tasks._RUN) | {"CmdLine@2", "Bash@3"} == set(TASKS)


def test_a_task_has_its_inputs_by_any_case_and_alias_with_defaults() -> None:
    found = step("{task: PUBLISHTESTRESULTS@2, inputs: {testrunner: NUnit, TestResultsFiles: '**/r.xml'}}")
    assert (found.kind, found.task, found.display_name) == (StepKind.TASK, "PublishTestResults@2", "PublishTestResults")
    assert found.inputs["testResultsFormat"] == "NUnit"
    assert found.inputs["testResultsFiles"] == "**/r.xml"
    assert found.inputs["searchFolder"] == "$(System.DefaultWorkingDirectory)"
    assert "testRunTitle" not in found.inputs


def test_the_script_tasks_are_scripts() -> None:
    found = step("{task: CmdLine@2, inputs: {script: echo, workingDirectory: a}}")
    assert (found.kind, found.script, found.working_directory) == (StepKind.SCRIPT, "echo", "a")
    found = step("{task: Bash@3, inputs: {targetType: inline, script: echo}}")
    assert (found.kind, found.script) == (StepKind.BASH, "echo")
    assert step("{task: Bash@3, inputs: {filePath: a.sh, arguments: x y}}").script == "exec bash 'a.sh' x y"


def test_publish_and_download_are_tasks() -> None:
    found = step("{publish: out, artifact: dist}")
    assert (found.task, found.inputs["targetPath"], found.inputs["artifactName"]) == (
        "PublishPipelineArtifact@1", "out", "dist",
    )  # fmt: skip
    assert step("publish: out").inputs["artifactName"] == "$(System.JobName)"
    found = step("{download: current, artifact: dist, patterns: '*.whl'}")
    assert (found.task, found.inputs["targetPath"], found.inputs["itemPattern"]) == (
        "DownloadPipelineArtifact@2", "$(Pipeline.Workspace)/dist", "*.whl",
    )  # fmt: skip
    assert step("download: none").enabled is False


MISTAKES = [
    ("{task: CopyFiles@2}", "2:3: CopyFiles@2 needs the input 'TargetFolder'"),
    ("{task: CopyFiles@2, inputs: [a]}", "2:31: inputs of CopyFiles@2 is a mapping"),
    ("{task: CopyFiles@2, inputs: {TargetFolder: a, Content: b}}",
     "2:49: 'Content' is not supported as an input of CopyFiles@2: did you mean 'Contents'?"),
    ("{task: CopyFiles@2, inputs: {TargetFolder: a, targetfolder: b}}",
     "2:49: 'TargetFolder' of CopyFiles@2 is given twice"),
    ("{task: CopyFiles@2, inputs: {TargetFolder: [a]}}", "2:46: 'TargetFolder' of CopyFiles@2 is a text"),
    ("{task: PublishTestResults@2, inputs: {testResultsFormat: CTest}}",
     "2:60: testResultsFormat of PublishTestResults@2 is JUnit or NUnit or VSTest or XUnit, not 'CTest'"),
    ("{task: PublishCodeCoverageResults@1, inputs: {codeCoverageTool: JaCoCo, summaryFileLocation: a}}",
     "2:67: codeCoverageTool of PublishCodeCoverageResults@1 is Cobertura, not 'JaCoCo'"),
    ("{task: Bash@3}", "2:3: Bash@3 needs the input 'filePath', or targetType inline with a script"),
    ("{task: CmdLine@2, inputs: {script: ' '}}", "2:3: CmdLine@2 has nothing to run"),
    ("{download: other}", "2:4: download is current or none, not 'other'"),
    ("{script: a, inputs: {b: c}}",
     "2:15: 'inputs' is not supported in a step: condition, continueOnError, displayName, enabled, env,"
     " name, retryCountOnTaskFailure, script, timeoutInMinutes, workingDirectory pass"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_a_mistake_in_a_task_is_told_at_its_place(text: str, told: str) -> None:
    assert problems(text) == [told]


MATCHES = [
    ("**", "a/b/c", True),
    ("*", "a", True),
    ("*", "a/b", False),
    ("**/*.xml", "a.xml", True),
    ("**/*.xml", "a/b/c.xml", True),
    ("a/**/c", "a/c", True),
    ("a/**/c", "a/x/y/c", True),
    ("a/**", "b/c", False),
    ("TEST-?.[xy]ml", "TEST-1.xml", True),
    ("**\n!**/b/**", "a/b/c", False),
    ("!a\n**\n", "a", True),
    ("**\n!a\na", "a", True),
    ("# all\n\n  ./a  ", "a", True),
    ("", "a", False),
]


@pytest.mark.parametrize(("pattern", "path", "meant"), MATCHES)
def test_a_pattern_means_what_azures_does(pattern: str, path: str, meant: bool) -> None:
    assert Patterns(pattern.splitlines()).matches(path) is meant


def test_no_pattern_takes_long() -> None:
    began = time.process_time()
    assert not Patterns(["**/a/" * 60 + "b"]).matches("a/" * 200 + "c")
    assert not Patterns(["*a" * 100 + "b"]).matches("a" * 250)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("lines", [["a" * 501], ["a"] * 101])
def test_patterns_beyond_what_anybody_writes_are_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="at most 100 patterns of 500 characters"):
        Patterns(lines)
