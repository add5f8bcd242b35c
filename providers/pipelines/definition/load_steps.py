"""One step of a file; what is none of the known kinds is a mistake."""

from dataclasses import dataclass, replace
from typing import Final

from providers.pipelines.definition.conditions import condition_of
from providers.pipelines.definition.document import Node
from providers.pipelines.definition.fields import Fields, Problems
from providers.pipelines.definition.tasks import Task, made, read_task
from providers.pipelines.definition.values import Step, StepKind
from providers.pipelines.expressions.errors import ExpressionError

MOST_RETRIES: Final = 10
KINDS: Final = ("script", "bash", "checkout", "task", "publish", "download")


@dataclass(frozen=True, kw_only=True)
class _What:
    """What a step does, before what all steps have."""

    kind: StepKind
    title: str
    script: str | None = None
    task: Task | None = None
    working_directory: str | None = None
    enabled: bool = True


def read_step(problems: Problems, node: Node) -> Step | None:
    """The step, or None and why not."""
    fields = Fields.of(problems, node, "a step")
    if fields is None:
        return None
    kinds = [name for name in KINDS if fields.has(name)]
    if len(kinds) != 1:
        told = f"a step is one of {' and '.join(kinds)}, not both" if kinds else f"a step is one of {', '.join(KINDS)}"
        problems.add(fields.place, told)
        return None
    what = _what(problems, fields, kinds[0])
    if what is None:
        return None
    step = Step(
        kind=what.kind,
        name=fields.name("name"),
        display_name=fields.text("displayName") or what.title,
        script=what.script,
        task=None if what.task is None else what.task.name,
        inputs={} if what.task is None else what.task.inputs,
        condition=read_condition(problems, fields),
        continue_on_error=fields.flag("continueOnError", False),
        enabled=fields.flag("enabled", True) and what.enabled,
        env=fields.mapping("env"),
        working_directory=what.working_directory,
        timeout_minutes=fields.minutes("timeoutInMinutes"),
        retries=_retries(problems, fields),
    )
    fields.rest()
    return step


def _what(problems: Problems, fields: Fields, kind: str) -> _What | None:
    said = fields.text(kind)
    if said is None:
        return None
    if kind == "task":
        task = read_task(problems, fields)
        return None if task is None else _task(problems, fields, task)
    if kind == "publish":
        given = {"targetPath": said, "artifactName": fields.text("artifact") or ""}
        return _named(made(problems, fields, "PublishPipelineArtifact@1", given), "Publish")
    if kind == "download":
        return _download(problems, fields, said)
    if kind == "checkout":
        if said not in {"self", "none"}:
            problems.add(fields.place_of("checkout"), f"checkout is self or none, not {said!r}")
        return _What(kind=StepKind.CHECKOUT, title="Checkout", enabled=said != "none")
    if not said.strip():
        problems.add(fields.place_of(kind), f"{kind} has nothing to run")
    title = {"script": "CmdLine", "bash": "Bash"}[kind]
    return _What(
        kind=StepKind(kind.upper()), title=title, script=said, working_directory=fields.text("workingDirectory")
    )


def _download(problems: Problems, fields: Fields, said: str) -> _What:
    if said not in {"current", "none"}:
        problems.add(fields.place_of("download"), f"download is current or none, not {said!r}")
    artifact = fields.text("artifact")
    given = {"artifactName": artifact or "", "itemPattern": fields.text("patterns") or ""}
    given["targetPath"] = f"$(Pipeline.Workspace)/{artifact}" if artifact else ""
    what = _named(made(problems, fields, "DownloadPipelineArtifact@2", given), "Download")
    return replace(what, enabled=said != "none")


def _named(task: Task, title: str) -> _What:
    return _What(kind=StepKind.TASK, title=title, task=task)


def _task(problems: Problems, fields: Fields, task: Task) -> _What:
    """The two that are scripts are what ``script`` and ``bash`` are."""
    title, inputs = task.name.partition("@")[0], task.inputs
    if task.name not in {"CmdLine@2", "Bash@3"}:
        return _named(task, title)
    kind, script = StepKind.BASH if task.name == "Bash@3" else StepKind.SCRIPT, inputs.get("script")
    if inputs.get("targetType", "").lower() == "filepath":
        if "filePath" not in inputs:
            problems.add(fields.place, "Bash@3 needs the input 'filePath', or targetType inline with a script")
        script = f"exec bash '{inputs.get('filePath', '')}' {inputs.get('arguments', '')}".rstrip()
    if not (script or "").strip():
        problems.add(fields.place, f"{task.name} has nothing to run")
    return _What(kind=kind, title=title, script=script, working_directory=inputs.get("workingDirectory"))


def _retries(problems: Problems, fields: Fields) -> int:
    retries = fields.count("retryCountOnTaskFailure") or 0
    if retries > MOST_RETRIES:
        problems.add(fields.place_of("retryCountOnTaskFailure"), f"at most {MOST_RETRIES} retries, not {retries}")
    return retries


def read_condition(problems: Problems, fields: Fields) -> str | None:
    """One that can be read, and names nothing that a condition cannot see."""
    condition = fields.text("condition")
    if condition is None:
        return None
    try:
        condition_of(condition)
    except ExpressionError as error:
        problems.add(fields.place_of("condition"), f"condition {condition!r}: {error}")
    return condition
