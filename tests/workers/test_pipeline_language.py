"""What the language says is what runs: conditions, variables, outputs, matrices, commands, secrets and retries."""

import pytest

from providers.pipelines.local import steps
from tests.api.conftest import admin, operator
from tests.api.test_commits import repo
from tests.workers.test_pipeline_monitor import Monitored, monitored

__all__ = ["admin", "monitored", "operator", "repo"]


async def ran(monitored: Monitored, text: str) -> tuple[dict[str, tuple[str, str | None]], list[str]]:
    """How each job and step ended and why, by its name, and what its steps printed."""
    await monitored.file("trigger: [work]\n" + text)
    await monitored.deliver("BranchUpdated")
    await monitored.deliver("PipelineRunQueued")
    (run,) = await monitored.runs()
    assert run["failureReason"] in (None, "STEP_FAILED"), run["failure"]
    found: dict[str, tuple[str, str | None]] = {"": (run["status"], None)}
    for stage in run["stages"]:
        for job in stage["jobs"]:
            found[job["displayName"]] = (job["status"], job["explanation"])
            found |= {step["displayName"]: (step["status"], step["explanation"]) for step in job["steps"]}
    return found, [line for line in await monitored.log() if not line.startswith("##[section]")]


async def test_a_skip_says_its_condition_and_what_it_saw(monitored: Monitored) -> None:
    text = """
variables: {level: low}
jobs:
- job: a
  steps:
  - checkout: none
  - {script: 'true', displayName: one, condition: "eq(variables.level, 'low')"}
  - {script: 'true', displayName: two, condition: "and(succeeded(), eq(variables['level'], 'high'))"}
  - {script: 'true', displayName: three, condition: "gt(1, variables.level)"}
  - {script: 'true', displayName: four}
- job: b
  dependsOn: a
  condition: and(failed('a'), ne(dependencies.a.result, 'Succeeded'))
  steps: [{checkout: none}, {script: 'true', displayName: five}]
- {job: c, dependsOn: a, steps: [{script: 'true'}]}
"""
    found, _ = await ran(monitored, text)
    assert found["one"] == ("SUCCEEDED", None)
    assert found["two"] == (
        "SKIPPED",
        "and(succeeded(), eq(variables['level'], 'high')) is false: succeeded() is True, variables['level'] is 'low', "
        "eq(variables['level'], 'high') is False, 2 one SUCCEEDED",
    )
    assert found["three"] == (
        "FAILED",
        "gt(1, variables.level) cannot be evaluated: gt(1, variables.level): 'low' is a string and cannot be made "
        "a number",
    )
    assert found["four"][0] == "SKIPPED"
    assert found["five"] == ("SUCCEEDED", None)
    assert found["c"] == ("SKIPPED", "succeeded() is false: a FAILED")


async def test_outputs_reach_later_steps_jobs_and_stages(monitored: Monitored) -> None:
    text = """
stages:
- stage: first
  jobs:
  - job: make
    steps:
    - checkout: none
    - {bash: 'echo "##vso[task.setvariable variable=v;isOutput=true]1%3B2"', name: set}
    - bash: echo "same $(set.v) $SET_V"
  - job: use
    dependsOn: make
    variables: {got: "$[ dependencies.make.outputs['set.v'] ]"}
    condition: eq(dependencies.make.outputs['set.v'], '1;2')
    steps: [{checkout: none}, {bash: echo "job $(got)"}]
- stage: second
  condition: eq(dependencies.first.outputs['make.set.v'], '1;2')
  jobs:
  - job: far
    variables:
      got: $[ format('{0}!', stageDependencies.first.make.outputs['set.v']) ]
      more: $[ upper(variables.got) ]x
    steps: [{checkout: none}, {bash: 'echo "stage $(got)"'}]
"""
    found, log = await ran(monitored, text)
    assert found[""] == ("SUCCEEDED", None)
    assert log == ["same 1;2 1;2", "job 1;2", "stage 1;2!"]


async def test_a_matrix_runs_each_leg_and_what_follows_waits_for_all(monitored: Monitored) -> None:
    text = """
jobs:
- job: test
  strategy:
    maxParallel: 1
    matrix:
      old: {version: '3.11'}
      new: {version: '3.13'}
  steps:
  - checkout: none
  - {bash: 'echo "##vso[task.setvariable variable=v;isOutput=true]$(version)"; echo run $(version)', name: s}
- job: after
  dependsOn: test
  variables: {both: "$[ join(',', dependencies.test.outputs.*) ]"}
  steps: [{checkout: none}, {bash: 'echo after $(both)'}]
"""
    found, log = await ran(monitored, text)
    assert [name for name in found if name.startswith("test")] == ["test old", "test new"]
    assert log == ["run 3.11", "run 3.13", "after 3.11,3.13"]


async def test_a_secret_is_shown_nowhere_and_given_to_those_who_name_it(monitored: Monitored) -> None:
    text = """
steps:
- checkout: none
- bash: |
    echo "##vso[task.setvariable variable=key;isSecret=true]hunter2"
    echo "##vso[task.setsecret]other"
    echo said hunter2
- bash: 'echo "env [${KEY-}] macro $(key) other"'
  displayName: show $(key)
- bash: 'echo "$GIVEN" | rev'
  env: {GIVEN: $(key)}
- bash: printf '##vso[task.setvariable variable=many;isSecret=true]a%%0Ab\\n'
"""
    _, log = await ran(monitored, text)
    assert log == [
        "said ***", "env [] macro *** ***", "2retnuh",
        "##[error]many is a secret of several lines: only one line can be hidden, so it was not set",
    ]  # fmt: skip
    assert not any("hunter2" in line for line in await monitored.log())


async def test_what_a_step_says_of_itself_is_its_result(monitored: Monitored) -> None:
    text = """
steps:
- checkout: none
- bash: echo "##vso[task.logissue type=warning;sourcepath=a.py;linenumber=3]careful"
  displayName: warns
- bash: echo "##vso[task.complete result=SucceededWithIssues]so so"
  displayName: issues
- bash: |
    mkdir -p bin && printf 'echo found it' > bin/tool && chmod +x bin/tool
    echo "##vso[task.prependpath]$PWD/bin"
    echo "##vso[task.setvariable variable=Build.SourceVersion]forged"
    echo "##vso[task.setvariable variable=fixed;isReadOnly=true]once"
    echo "##vso[task.setvariable variable=fixed]twice"
    echo "##vso[task.debug]d" "##vso[no.such]x"
    echo "##vso[no.such a=b]x"
- bash: tool; echo $(fixed)
- bash: echo "##vso[task.complete result=Failed]"
  displayName: fails
"""
    found, log = await ran(monitored, text)
    assert (found["warns"], found["issues"][0]) == (("SUCCEEDED", None), "SUCCEEDED_WITH_ISSUES")
    assert found["fails"] == ("FAILED", "##vso[task.complete] said so")
    assert found[""][0] == "FAILED"
    assert log == [
        "##[warning]a.py:3: careful", "so so", "##[error]##vso[task.complete] said so",
        "##[warning]Build.SourceVersion is read-only and stays as it is",
        "##[warning]fixed is read-only and stays as it is",
        "##[debug]d ##vso[no.such]x", "##[warning]##vso[no.such] is not known here and was not heeded",
        "found it", "once", "##[error]##vso[task.complete] said so",
    ]  # fmt: skip


async def test_a_failed_step_is_tried_again_as_often_as_it_may(
    monitored: Monitored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "RETRY_SECONDS", 0.01)
    text = """
steps:
- checkout: none
- bash: echo x >> tries; [ $(wc -l < tries) = 3 ]
  retryCountOnTaskFailure: 2
- {bash: exit 7, retryCountOnTaskFailure: 1, displayName: never}
"""
    found, log = await ran(monitored, text.replace("$(wc -l < tries)", "`wc -l < tries`"))
    assert found["never"] == ("FAILED", "bash ended with exit code 7")
    assert [line for line in log if "Trying" in line] == [
        "##[warning]Trying again in 0.01 s, 2 more at most",
        "##[warning]Trying again in 0.02 s, 1 more at most",
        "##[warning]Trying again in 0.01 s, 1 more at most",
    ]
