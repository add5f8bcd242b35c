"""A file to a plan; PipelineInvalid tells every mistake, and nothing runs before all of it is understood."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from providers.pipelines.definition.document import Entries, Node, Place, parse
from providers.pipelines.definition.fields import Fields, Problems
from providers.pipelines.definition.load_steps import read_condition, read_step
from providers.pipelines.definition.load_variables import read_variables
from providers.pipelines.definition.matrix import Strategy, multiplied, read_strategy
from providers.pipelines.definition.triggers import read_trigger
from providers.pipelines.definition.values import JOB_MINUTES, Job, Pipeline, Stage, Step, StepKind, Trigger
from providers.pipelines.errors import PipelineInvalid
from providers.pipelines.templates.pipeline import expand

MOST_STEPS: Final = 1_000
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
UNNAMED_STAGE: Final = "__default"
Part = TypeVar("Part", Job, Stage)


def load(
    text: str,
    files: Mapping[str, str] = _NONE,
    *,
    parameters: Mapping[str, str] = _NONE,
    variables: Mapping[str, str] = _NONE,
) -> Pipeline:
    """The whole file with its templates, which ``files`` has by ``path`` or ``path@alias``.

    ``variables`` are the predefined ones that are known before the run.
    """
    problems = Problems()
    document = expand(text, files.get, parameters=parameters, variables=variables)
    fields = Fields.of(problems, document, "the pipeline")
    pipeline = Pipeline() if fields is None else _pipeline(problems, fields)
    if problems.found:
        raise PipelineInvalid(problems.found)
    return pipeline


def load_triggers(text: str) -> tuple[Trigger, Trigger]:
    """``trigger`` and ``pr`` of a file whatever else it holds; of a broken one both match everything."""
    problems = Problems()
    try:
        fields = Fields.of(problems, parse(text), "the pipeline")
    except PipelineInvalid:
        fields = None
    if fields is None:
        return Trigger(), Trigger()
    read = (read_trigger(problems, fields.node(name), name) for name in ("trigger", "pr"))
    trigger, pr = read
    return (Trigger(), Trigger()) if problems.found else (trigger, pr)


def _pipeline(problems: Problems, fields: Fields) -> Pipeline:
    trigger = read_trigger(problems, fields.node("trigger"), "trigger")
    pr = read_trigger(problems, fields.node("pr"), "pr")
    variables = read_variables(problems, fields)
    _pool(problems, fields)
    _resources(problems, fields)
    stages = _stages(problems, fields)
    fields.rest()
    if not stages and not problems.found:
        problems.add(fields.place, "the pipeline needs stages, jobs or steps")
    steps = sum(len(job.steps) for stage in stages for job in stage.jobs)
    if steps > MOST_STEPS:
        problems.add(fields.place, f"{steps} steps: a run has at most {MOST_STEPS}")
    return Pipeline(trigger=trigger, pr=pr, variables=variables, stages=stages)


def _stages(problems: Problems, fields: Fields) -> tuple[Stage, ...]:
    given = [name for name in ("stages", "jobs", "steps") if fields.has(name)]
    for name in given[1:]:
        fields.node(name)
        problems.add(fields.place_of(name), f"{name} stands beside {given[0]}: give one of them")
    places: list[Place] = []
    names: list[str] = []

    def stage(node: Node) -> Stage | None:
        places.append(node.place)
        made = _stage(problems, node, len(places), tuple(names[-1:]))
        names.extend([] if made is None else [made.name])
        return made

    stages = fields.each("stages", stage)
    _check_order(problems, stages, places, "stage")
    jobs = _jobs(problems, fields)
    return stages or ((Stage(name=UNNAMED_STAGE, display_name="Stage", jobs=jobs),) if jobs else ())


def _stage(problems: Problems, node: Node, number: int, before: tuple[str, ...]) -> Stage | None:
    fields = Fields.of(problems, node, "a stage")
    if fields is None:
        return None
    name = fields.name("stage") or f"Stage{number}"
    if not fields.has("stage"):
        problems.add(fields.place, "a stage begins with 'stage:' and its name")
    depends_on = fields.texts("dependsOn")
    _pool(problems, fields)
    stage = Stage(
        name=name,
        display_name=fields.text("displayName") or name,
        depends_on=before if depends_on is None else depends_on,
        condition=read_condition(problems, fields),
        variables=read_variables(problems, fields),
        jobs=_jobs(problems, fields),
    )
    if not stage.jobs and not fields.has("jobs"):
        problems.add(fields.place, f"stage {name!r} needs jobs")
    fields.rest()
    return stage


def _jobs(problems: Problems, fields: Fields) -> tuple[Job, ...]:
    places: list[Place] = []
    strategies: dict[str, Strategy] = {}

    def job(node: Node) -> Job | None:
        places.append(node.place)
        return _job(problems, node, len(places), strategies)

    jobs = fields.each("jobs", job)
    if jobs:
        _check_order(problems, jobs, places, "job")
        return multiplied(jobs, strategies)
    steps = _steps(problems, fields) if fields.what == "the pipeline" else ()
    return (Job(name="Job", group="Job", display_name="Job", steps=steps),) if steps else ()


def _job(problems: Problems, node: Node, number: int, strategies: dict[str, Strategy]) -> Job | None:
    fields = Fields.of(problems, node, "a job")
    if fields is None:
        return None
    name = fields.name("job") or f"Job{number}"
    if not fields.has("job"):
        problems.add(fields.place, "a job begins with 'job:' and its name")
    minutes = fields.minutes("timeoutInMinutes")
    _pool(problems, fields)
    strategies[name] = read_strategy(problems, fields)
    job = Job(
        name=name,
        group=name,
        display_name=fields.text("displayName") or name,
        depends_on=fields.texts("dependsOn") or (),
        condition=read_condition(problems, fields),
        continue_on_error=fields.flag("continueOnError", False),
        timeout_minutes=JOB_MINUTES if minutes is None else minutes,
        variables=read_variables(problems, fields),
        steps=_steps(problems, fields),
    )
    if not fields.has("steps"):
        problems.add(fields.place, f"job {name!r} needs steps")
    fields.rest()
    return job


def _steps(problems: Problems, fields: Fields) -> tuple[Step, ...]:
    steps = fields.each("steps", lambda node: read_step(problems, node))
    if steps and not any(step.kind is StepKind.CHECKOUT for step in steps):
        return (Step(kind=StepKind.CHECKOUT, display_name="Checkout"), *steps)
    return steps


def _resources(problems: Problems, fields: Fields) -> None:
    """Other repositories to take templates from; they were read before."""
    node = fields.node("resources")
    resources = None if node is None else Fields.of(problems, node, "resources")
    if resources is None:
        return
    resources.each("repositories", lambda item: _repository(problems, item))
    resources.rest()


def _repository(problems: Problems, node: Node) -> None:
    fields = Fields.of(problems, node, "a repository")
    if fields is None:
        return
    kind = fields.text("type")
    for name in ("repository", "name", "ref"):
        if fields.text(name) is None and name != "ref":
            problems.add(fields.place, f"a repository needs {name!r}")
    if kind != "git":
        problems.add(fields.place, f"type of a repository is git, one of the same project, not {kind!r}")
    fields.rest()


def _pool(problems: Problems, fields: Fields) -> None:
    """Where Azure would run it; here every pool is this machine."""
    node = fields.node("pool")
    if isinstance(node, Entries):
        pool = Fields(problems, node, "pool")
        for name in ("name", "vmImage"):
            pool.text(name)
        pool.texts("demands")
        pool.rest()


def _check_order(problems: Problems, parts: Sequence[Part], places: Sequence[Place], what: str) -> None:
    """Names are unique, what is depended on stands beside it, and nothing waits for itself."""
    known: dict[str, Part] = {}
    for part, place in zip(parts, places, strict=False):
        if part.name in known:
            problems.add(place, f"{what} {part.name!r} is named twice")
        known[part.name] = part
    for part, place in zip(parts, places, strict=False):
        for other in part.depends_on:
            if other not in known:
                problems.add(place, f"{what} {part.name!r} depends on {other!r}, which is no {what} beside it")
        if _reaches(known, part.name):
            problems.add(place, f"{what} {part.name!r} depends on itself, by way of {', '.join(part.depends_on)}")


def _reaches(known: Mapping[str, Part], name: str) -> bool:
    seen: set[str] = set()
    ahead = list(known[name].depends_on)
    while ahead:
        other = ahead.pop()
        if other == name:
            return True
        if other not in seen and other in known:
            seen.add(other)
            ahead += known[other].depends_on
    return False
