"""Templates and ``${{ }}``: what a file becomes, and where a mistake stands."""

from collections.abc import Mapping
from typing import Any

import pytest

from providers.pipelines.definition.document import Entries, Items, Node
from providers.pipelines.errors import PipelineInvalid
from providers.pipelines.templates.pipeline import expand

KNOWN = {"Build.SourceBranch": "refs/heads/main", "Build.Reason": "PullRequest"}


def plain(node: Node) -> Any:
    if isinstance(node, Entries):
        return {key.value: plain(value) for key, value in node.entries}
    return [plain(item) for item in node.items] if isinstance(node, Items) else node.value


def expanded(text: str, given: Mapping[str, str] | None = None, /, **files: str) -> Any:
    """Files are named without their ending, ``__`` is a slash and ``_at_`` the @ of an alias."""
    named = {
        name.replace("__", "/").replace("_at_", ".yml@") + ".yml" * ("_at_" not in name): t for name, t in files.items()
    }
    return plain(expand(text, named.get, parameters=given, variables=KNOWN))


def _path(name: str) -> str:
    path, _, alias = name.replace("__", "/").partition("_at_")
    return f"{path}.yml@{alias}" if alias else f"{path}.yml"


def mistakes(text: str, given: Mapping[str, str] | None = None, /, **files: str) -> list[str]:
    with pytest.raises(PipelineInvalid) as refused:
        expanded(text, given, **files)
    return [str(problem) for problem in refused.value.problems]


def test_a_file_without_expressions_stays_as_it_is() -> None:
    text = "trigger: [main]\nsteps:\n- script: echo $(x) $[ y ] # no\n  env: {A: '1'}\n"
    assert expanded(text) == {"trigger": ["main"], "steps": [{"script": "echo $(x) $[ y ]", "env": {"A": "1"}}]}


@pytest.mark.parametrize(
    ("branch", "said"),
    [("refs/heads/main", "release"), ("refs/heads/dev", "debug"), ("refs/heads/x", "other")],
)
def test_the_first_branch_that_holds_is_taken_in_lists_and_mappings(branch: str, said: str) -> None:
    text = """
parameters: [{name: branch, default: refs/heads/main}]
variables:
  ${{ if eq(parameters.branch, 'refs/heads/main') }}:
    kind: release
  ${{ elseif endsWith(parameters.branch, '/dev') }}:
    kind: debug
  ${{ else }}:
    kind: other
steps:
- ${{ if eq(variables.kind, 'release') }}:
  - script: release
- ${{ elseif eq(variables.kind, 'debug') }}:
  - script: debug
- ${{ else }}:
  - script: other
"""
    assert expanded(text, {"branch": branch}) == {"variables": {"kind": said}, "steps": [{"script": said}]}


def test_each_goes_over_lists_and_mappings_and_over_nothing() -> None:
    text = """
parameters:
- {name: list, type: object, default: [a, b]}
- {name: map, type: object, default: {x: '1', y: '2'}}
- {name: none, type: object, default: null}
steps:
- ${{ each one in parameters.list }}:
  - ${{ each pair in parameters.map }}:
    - script: ${{ one }}-${{ pair.key }}${{ pair.value }}
- ${{ each one in parameters.none }}:
  - script: never
- script: env
  env:
    ${{ each pair in parameters.map }}:
      ${{ upper(pair.key) }}: v${{ pair.value }}
    ${{ insert }}: ${{ parameters.map }}
"""
    steps = expanded(text)["steps"]
    assert [step["script"] for step in steps] == ["a-x1", "a-y2", "b-x1", "b-y2", "env"]
    assert steps[-1]["env"] == {"X": "v1", "Y": "v2", "x": "1", "y": "2"}


def test_variables_know_those_above_them_and_what_is_predefined() -> None:
    text = """
variables:
- {name: first, value: '${{ variables[''Build.Reason''] }}'}
- ${{ if eq(variables.first, 'PullRequest') }}:
  - {name: second, value: '${{ variables.first }}!'}
- ${{ each n in split('1,2', ',') }}:
  - {name: 'n${{ n }}', value: '${{ variables.second }}${{ n }}'}
stages:
- stage: a
  variables: {third: '${{ variables.n2 }}', early: '${{ variables.later }}', later: x}
  jobs:
  - job: j
    displayName: ${{ variables.third }} ${{ variables.early }}
"""
    assert expanded(text)["stages"][0]["jobs"][0]["displayName"] == "PullRequest!2 "


def test_a_template_stands_in_its_list_with_its_own_parameters() -> None:
    text = """
jobs:
- template: jobs/build.yml
  parameters: {name: one, count: 2, extra: [{script: last}]}
- job: own
"""
    build = """
parameters:
- {name: name, type: string}
- {name: count, type: number}
- {name: loud, type: boolean, default: TRUE}
- {name: extra, type: stepList, default: []}
jobs:
- job: build_${{ parameters.name }}
  steps:
  - ${{ if and(parameters.loud, gt(parameters.count, 1)) }}:
    - script: ${{ parameters.count }} of ${{ parameters.name }}
  - ${{ parameters.extra }}
  - template: steps.yml
  - template: /steps.yml
"""
    files = {"jobs__build": build, "jobs__steps": "steps: [{script: beside}]", "steps": "steps: [{script: root}]"}
    assert expanded(text, **files)["jobs"] == [
        {"job": "build_one", "steps": [{"script": s} for s in ("2 of one", "last", "beside", "root")]},
        {"job": "own"},
    ]


def test_templates_given_as_values_are_found_from_where_they_are_written() -> None:
    text = """
resources: {repositories: [{repository: shared, type: git, name: templates}]}
stages:
- template: stage.yml@shared
  parameters: {steps: [{template: mine.yml}]}
"""
    stage = """
parameters: [{name: steps, type: stepList}]
stages:
- stage: s
  jobs:
  - job: j
    steps:
    - ${{ parameters.steps }}
    - template: theirs.yml
    - template: mine.yml@self
"""
    files = {
        "stage_at_shared": stage,
        "theirs_at_shared": "steps: [{script: theirs}]",
        "mine": "steps: [{script: mine}]",
    }
    steps = expanded(text, **files)["stages"][0]["jobs"][0]["steps"]
    assert [step["script"] for step in steps] == ["mine", "theirs", "mine"]


def test_extends_takes_the_template_with_the_pipelines_own_triggers_and_variables() -> None:
    text = """
trigger: none
variables: {level: high}
extends:
  template: base.yml
  parameters: {name: app}
"""
    base = """
parameters: [{name: name}]
stages:
- stage: ${{ parameters.name }}_${{ variables.level }}
"""
    made = expanded(text, base=base)
    assert made == {"trigger": "none", "variables": {"level": "high"}, "stages": [{"stage": "app_high"}]}


def test_variable_templates_join_lists_and_mappings() -> None:
    text = "variables:\n- template: vars.yml\n  parameters: {c: Debug}\n- {name: b, value: 'x${{ variables.a }}'}\n"
    assert expanded(text, vars="parameters: {c: Release}\nvariables: {a: '${{ parameters.c }}'}\n")["variables"] == [
        {"name": "a", "value": "Debug"},
        {"name": "b", "value": "xDebug"},
    ]


def test_untyped_parameters_take_anything() -> None:
    base = "parameters: {stages: []}\nstages:\n- ${{ parameters.stages }}\n- stage: ${{ parameters['extra-one'] }}\n"
    text = "stages:\n- template: base.yml\n  parameters: {stages: [{stage: A}], extra-one: B}\n"
    assert expanded(text, base=base)["stages"] == [{"stage": "A"}, {"stage": "B"}]


TYPED = """
parameters:
- {name: n, type: number}
- {name: b, type: boolean, default: false}
- {name: s, values: [x, y], default: x}
- {name: steps, type: stepList, default: []}
steps: []
"""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{}", "A value for the 'n' parameter must be provided."),
        ("{n: one}", "parameter 'n' is a number, not 'one'"),
        ("{n: [1]}", "A sequence was not expected: parameter 'n' is a number"),
        ("{n: 1, b: maybe}", "parameter 'b' is true or false, not 'maybe'"),
        ("{n: 1, s: z}", "parameter 's' is one of x, y"),
        ("{n: 1, steps: {a: b}}", "A mapping was not expected: parameter 'steps' is a list (steplist)"),
        ("{n: 1, more: 2}", "Unexpected parameter 'more': the template declares n, b, s, steps"),
    ],
)
def test_a_parameter_is_given_what_it_is_declared_to_be(given: str, says: str) -> None:
    (found,) = mistakes(f"steps:\n- template: t.yml\n  parameters: {given}\n", t=TYPED)
    assert says in found
    assert found.startswith("azure-pipelines.yml:")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("steps:\n- script: ${{ 3 + 4 }}\n", "2:17: Unexpected symbol: '+' at character 4"),
        ("steps:\n- ${{ if false }}:\n  - script: a ${{ replace h() }}\n", "3:27: Unexpected symbol: 'h'"),
        ("steps:\n- script: a ${{ nothing }}\n", "2:17: Unrecognized named-value: 'nothing'"),
        ("steps:\n- script: a ${{ nothing() }}\n", "2:17: Unrecognized function: 'nothing'"),
        ("steps:\n- script: a ${{ 'open }}\n", "2:13: ${{ is not closed"),
        ("steps:\n- ${{ else }}:\n  - script: a\n", "2:3: else needs an if directly before it"),
        ("steps:\n- ${{ if true }}\n", "2:3: if is a key: end it with a colon"),
        ("steps:\n- ${{ each x }}:\n  - script: a\n", "2:6: each is written ${{ each name in list }}"),
        ("steps:\n- ${{ insert }}:\n  - script: a\n", "3:3: a mapping is expected here"),
        ("steps:\n- template: no.yml\n", "2:13: there is no file 'no.yml' in this repository"),
        ("steps:\n- template: ../no.yml\n", "lies outside of the repository"),
        ("steps:\n- template: a.yml@b\n", "'b' is none of resources.repositories: none"),
        ("steps:\n- template: t.yml\n  env: {}\n", "3:3: 'env' cannot stand beside template"),
        ("jobs:\n- template: t.yml\n", "the template t.yml has no jobs"),
        ("parameters: [{name: l, type: object, default: [a]}]\njobs: [{job: 'x${{ parameters.l }}'}]\n", "whole value"),
        ("parameters: [{name: a, default: b}]\njobs: [{job: '${{ parameters.c }}'}]\n", "no 'c' here: a is declared"),
        ("steps:\n- script: ${{ gt(1, 'x') }}\n", "gt(1, 'x'): 'x' is a string and cannot be made a number"),
        ("extends: t.yml\n", "extends is a mapping"),
        ("[]", "1:1: the file is a mapping"),
    ],
)
def test_a_mistake_is_told_where_it_stands(text: str, found: str) -> None:
    (told,) = mistakes(text, t="steps: [{script: t}]")
    assert found in told


def test_every_mistake_is_told_each_with_its_file() -> None:
    text = "steps:\n- template: t.yml\n- script: ${{ nothing }}\n- template: none.yml\n"
    assert [found.split(" ")[0] for found in mistakes(text, t="steps:\n- script: ${{ missing }}\n")] == [
        "azure-pipelines.yml:3:15:",
        "azure-pipelines.yml:4:13:",
        "t.yml:2:15:",
    ]


def test_the_same_variables_in_a_pipeline_and_what_it_extends_are_refused() -> None:
    (told,) = mistakes("variables: {a: b}\nextends: {template: t.yml}\n", t="variables: {a: c}\nsteps: []\n")
    assert told == "t.yml:1:1: 'variables' is already defined by the pipeline that extends this template"


def test_templates_that_include_each_other_end() -> None:
    (told,) = mistakes("steps:\n- template: a.yml\n", a="steps:\n- template: b.yml\n", b="steps:\n- template: a.yml\n")
    assert "over 100 templates deep" in told


def test_what_grows_without_bound_ends() -> None:
    text = "steps:\n- template: a.yml\n"
    (told,) = mistakes(text, a="steps:\n- ${{ each x in split('1,2', ',') }}:\n  - template: a.yml\n")
    assert "deep" in told or "a loop is too large" in told
