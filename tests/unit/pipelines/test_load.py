"""A file to a plan: what is said, what is the default, and every mistake at its line and column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.pipelines.definition.load import load, load_triggers
from providers.pipelines.definition.tasks import TASKS
from providers.pipelines.definition.triggers import matches
from providers.pipelines.definition.values import Filter, StepKind, Trigger
from providers.pipelines.errors import PipelineInvalid, Problem

WHOLE = """
trigger:
  branches: {include: [main, releases/*], exclude: [releases/old*]}
  paths: {exclude: [docs]}
pr: none
variables: {a: 1, b: yes}
pool: {vmImage: ubuntu-latest}
stages:
- stage: Build
  displayName: Build it
  jobs:
  - job: one
    timeoutInMinutes: 0.5
    variables:
    - {name: c, value: '01'}
    steps:
    - checkout: none
    - script: make
      name: made
      env: {K: $(a)}
      workingDirectory: src
      continueOnError: true
      timeoutInMinutes: 2
  - job: two
    dependsOn: one
    condition: always()
    steps: [{bash: echo}]
- stage: Test
  jobs: [{job: t, steps: [{script: t}]}]
- stage: Free
  dependsOn: []
  jobs: [{job: f, steps: [{script: f}]}]
"""


def test_a_whole_file_is_read_with_scalars_as_they_are_written() -> None:
    pipeline = load(WHOLE)
    assert pipeline.trigger.branches == Filter(include=("main", "releases/*"), exclude=("releases/old*",))
    assert (pipeline.trigger.paths.exclude, pipeline.pr.enabled) == (("docs",), False)
    assert pipeline.variables == {"a": "1", "b": "yes"}
    build, test, free = pipeline.stages
    assert (build.display_name, build.depends_on, test.depends_on, free.depends_on) == ("Build it", (), ("Build",), ())
    one, two = build.jobs
    assert (one.timeout_minutes, one.variables, two.depends_on, two.condition) == (
        0.5,
        {"c": "01"},
        ("one",),
        "always()",
    )
    none, made = one.steps
    assert (none.kind, none.enabled) == (StepKind.CHECKOUT, False)
    assert (made.name, made.env, made.working_directory) == ("made", {"K": "$(a)"}, "src")
    assert (made.continue_on_error, made.timeout_minutes) == (True, 2.0)


def test_a_job_without_a_checkout_begins_with_one_and_steps_alone_are_a_whole_file() -> None:
    (stage,) = load("steps:\n- script: x\n").stages
    assert [step.kind for step in stage.jobs[0].steps] == [StepKind.CHECKOUT, StepKind.SCRIPT]
    assert (stage.jobs[0].timeout_minutes, load("steps: [{script: x}]").trigger) == (60.0, Trigger())


def problems(text: str) -> list[str]:
    with pytest.raises(PipelineInvalid) as refused:
        load(text)
    return [str(problem).removeprefix("azure-pipelines.yml:") for problem in refused.value.problems]


MISTAKES = [
    ("", "1:1: the file is empty: it needs stages, jobs or steps"),
    ("a: [", "2:1: did not find expected node content"),
    ("- script: x", "1:1: the file is a mapping: stages, jobs or steps, and more"),
    ("trigger: none", "1:1: the pipeline needs stages, jobs or steps"),
    ("steps: []", "1:8: steps of the pipeline is a list of at least one"),
    ("steps:\n- script: x\n- scrip: y", "3:3: a step is one of script, bash, checkout, task, publish, download"),
    ("steps:\n- script: x\n  bash: y", "2:3: a step is one of script and bash, not both"),
    ("steps:\n- task: Npm@1", "2:3: the task 'Npm@1' is not supported: " + ", ".join(TASKS) + " pass"),
    ("steps:\n- script: ' '", "2:3: script has nothing to run"),
    ("steps:\n- script: x\n  nam: y", "3:3: 'nam' is not supported in a step: did you mean 'name'?"),
    ("steps:\n- script: x\n  enabled: maybe", "3:3: enabled of a step is true or false, not 'maybe'"),
    ("steps:\n- script: x\n  timeoutInMinutes: -1", "3:3: timeoutInMinutes of a step is a number of minutes, not '-1'"),
    ("steps:\n- script: x\n  env: [a]", "3:8: env of a step is a mapping"),
    ("steps:\n- script: x\n  name: 1a", "3:3: '1a' is not a name: letters, digits and '_', no digit first"),
    ("steps:\n- script: {a: b}", "2:11: script of a step is a text"),
    ("steps:\n- checkout: other", "2:3: checkout is self or none, not 'other'"),
    ("steps:\n- script: x\nsteps:\n- script: y", "3:1: 'steps' is given twice, first at line 1"),
    ("steps:\n- &a {script: x}\n- *a", "2:3: anchors and aliases are not part of Azure Pipelines"),
    ("steps: [{script: x}]\n---\nsteps: [{script: y}]", "2:1: a second document: a pipeline is one"),
    ("jobs:\n- job: a\n  steps: [{script: x}]\nsteps: []", "4:1: steps stands beside jobs: give one of them"),
    ("jobs:\n- job: a", "2:3: job 'a' needs steps"),
    ("jobs:\n- steps: [{script: x}]", "2:3: a job begins with 'job:' and its name"),
    ("jobs:\n- {job: a, dependsOn: b, steps: [{script: x}]}", "2:3: job 'a' depends on 'b', which is no job beside it"),
    ("jobs:\n- {job: a, dependsOn: a, steps: [{script: x}]}", "2:3: job 'a' depends on itself, by way of a"),
    ("trigger: maybe\nsteps: [{script: x}]", "1:10: trigger is none, a list of branches or a mapping, not 'maybe'"),
    ("variables: [{name: a}]\nsteps: [{script: x}]", "1:13: a variable of a list has a name and a value"),
    ("jobs:\n- job: a\n  condition: eq(1)\n  steps: [{script: x}]", "3:3: condition 'eq(1)': eq takes 2 values, not 1"),
    ("steps:\n- script: x\n  condition: env.x", "3:3: condition 'env.x': Unrecognized named-value: 'env';"
     " here there are: dependencies, stagedependencies, variables"),
    ("variables: {a: '$[ counter() ]'}\nsteps: [{script: x}]",
     "1:16: '$[ counter() ]': Unrecognized function: 'counter'"),
    ("jobs:\n- job: a\n  strategy: {matrix: '$[ x ]'}\n  steps: [{script: x}]",
     "3:22: a matrix that is computed during the run is not supported: write its legs"),
    ("jobs:\n- job: a\n  strategy: {parallel: 0}\n  steps: [{script: x}]",
     "3:13: strategy has a matrix of 1 to 256 legs, or parallel with their number"),
    ("steps:\n- script: x\n  retryCountOnTaskFailure: 11", "3:3: at most 10 retries, not 11"),
    ("resources: {repositories: [{repository: a, type: github, name: b}]}\nsteps: [{script: x}]",
     "1:28: type of a repository is git, one of the same project, not 'github'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_a_mistake_is_told_at_its_place(text: str, told: str) -> None:
    assert problems(text) == [told]


def test_every_mistake_is_told_in_the_order_of_the_file() -> None:
    text = "jobs:\n- job: a\n  typo: 1\n  steps:\n  - scrip: x\n  - task: T@1\n- job: a\n  steps: [{script: x}]\n"
    assert problems(text) == [
        "3:3: 'typo' is not supported in a job: condition, continueOnError, dependsOn, displayName, job, pool, steps,"
        " strategy, timeoutInMinutes, variables pass",
        "5:5: a step is one of script, bash, checkout, task, publish, download",
        "6:5: the task 'T@1' is not supported: " + ", ".join(TASKS) + " pass",
        "7:3: job 'a' is named twice",
    ]


def test_a_file_too_large_or_too_deep_is_refused_before_it_is_built() -> None:
    assert problems("#" * 1_048_577) == ["1:1: the file has 1048577 characters: at most 1048576 are read"]
    assert problems("[" * 100) == ["1:62: too much: at most 100000 nodes, 60 deep, are read"]
    assert problems("steps:\n- checkout: none\n" + "- script: x\n" * 1_000) == [
        "1:1: 1001 steps: a run has at most 1000"
    ]


@given(st.text(max_size=200))
def test_whatever_the_text_it_is_a_plan_or_told_mistakes(text: str) -> None:
    found: tuple[Problem, ...] = ()
    try:
        stages = load(text).stages
    except PipelineInvalid as error:
        stages, found = (), error.problems
    assert bool(stages) is not bool(found)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in found)
    trigger, pr = load_triggers(text)
    assert isinstance(trigger, Trigger)
    assert isinstance(pr, Trigger)


MATCHES = [
    ("[main]", "main", None, True),
    ("[main]", "work", None, False),
    ("[releases/*]", "releases/1/2", None, True),
    ("[features]", "features/a", None, True),
    ("none", "main", None, False),
    ("{branches: {exclude: [x*]}}", "main", None, True),
    ("{branches: {exclude: [x*]}}", "xyz", None, False),
    ("{paths: [src]}", "main", ["src/a.py"], True),
    ("{paths: [src]}", "main", ["docs/a.md"], False),
    ("{paths: {exclude: [docs]}}", "main", ["docs/a.md"], False),
    ("{paths: {exclude: [docs]}}", "main", ["docs/a.md", "b"], True),
    ("{paths: [src]}", "main", None, True),
]


@pytest.mark.parametrize(("said", "branch", "paths", "starts"), MATCHES)
def test_a_trigger_matches_branches_and_paths(said: str, branch: str, paths: list[str] | None, starts: bool) -> None:
    trigger, pr = load_triggers(f"trigger: {said}\n")
    assert matches(trigger, branch, paths) is starts
    assert matches(pr, branch, paths)


def test_a_broken_file_starts_on_every_branch_so_that_its_run_tells() -> None:
    for text in ("a: [", "trigger: maybe", "- x"):
        assert load_triggers(text) == (Trigger(), Trigger())
