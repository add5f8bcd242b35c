"""One step of a file; what is none of the known kinds is a mistake."""

from typing import Final

from providers.pipelines.definition.conditions import condition_of
from providers.pipelines.definition.document import Node
from providers.pipelines.definition.fields import Fields, Problems
from providers.pipelines.definition.values import Step, StepKind
from providers.pipelines.expressions.errors import ExpressionError

MOST_RETRIES: Final = 10
KINDS: Final = {"script": StepKind.SCRIPT, "bash": StepKind.BASH, "checkout": StepKind.CHECKOUT}
_TITLES: Final = {StepKind.SCRIPT: "CmdLine", StepKind.BASH: "Bash", StepKind.CHECKOUT: "Checkout"}


def read_step(problems: Problems, node: Node) -> Step | None:
    """The step, or None and why not."""
    fields = Fields.of(problems, node, "a step")
    if fields is None:
        return None
    kinds = [name for name in KINDS if fields.has(name)]
    if len(kinds) != 1:
        problems.add(fields.place, _unknown(fields, kinds))
        return None
    kind = KINDS[kinds[0]]
    said = fields.text(kinds[0])
    if said is None:
        return None
    if kind is StepKind.CHECKOUT and said not in {"self", "none"}:
        problems.add(fields.place_of("checkout"), f"checkout is self or none, not {said!r}")
    if kind is not StepKind.CHECKOUT and not said.strip():
        problems.add(fields.place_of(kinds[0]), f"{kinds[0]} has nothing to run")
    step = Step(
        kind=kind,
        name=fields.name("name"),
        display_name=fields.text("displayName") or _TITLES[kind],
        script=None if kind is StepKind.CHECKOUT else said,
        condition=read_condition(problems, fields),
        continue_on_error=fields.flag("continueOnError", False),
        enabled=fields.flag("enabled", True) and said != "none",
        env=fields.mapping("env"),
        working_directory=None if kind is StepKind.CHECKOUT else fields.text("workingDirectory"),
        timeout_minutes=fields.minutes("timeoutInMinutes"),
        retries=_retries(problems, fields),
    )
    fields.rest()
    return step


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


def _unknown(fields: Fields, kinds: list[str]) -> str:
    if kinds:
        return f"a step is one of {' and '.join(kinds)}, not both"
    task = fields.text("task") if fields.has("task") else None
    if task is not None:
        return f"the task {task!r} is not supported: {', '.join(KINDS)} pass"
    return f"a step is one of {', '.join(KINDS)}"
