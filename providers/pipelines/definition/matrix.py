"""``strategy``: a job multiplied into legs, each with variables of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from providers.pipelines.definition.document import Entries, Scalar
from providers.pipelines.definition.fields import Fields, Problems
from providers.pipelines.definition.values import Job

MOST_LEGS: Final = 256


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """Variables by the leg's name; no legs is one job."""

    legs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    at_once: int | None = None


def read_strategy(problems: Problems, fields: Fields) -> Strategy:
    """``matrix`` or ``parallel``; one that is computed during the run is a mistake here."""
    node = fields.node("strategy")
    inner = None if node is None else Fields.of(problems, node, "strategy")
    if inner is None:
        return Strategy()
    matrix, slices, at_once = inner.node("matrix"), inner.count("parallel"), inner.count("maxParallel")
    inner.rest()
    if isinstance(matrix, Scalar):
        problems.add(matrix.place, "a matrix that is computed during the run is not supported: write its legs")
        return Strategy()
    if isinstance(matrix, Entries):
        legs = {key.value: Fields(problems, matrix, "matrix").mapping(key.value) for key, _ in matrix.entries}
    else:
        legs = {str(n): _slice(n, slices) for n in range(1, (slices or 0) + 1)} if slices else {}
    if not legs or len(legs) > MOST_LEGS:
        problems.add(inner.place, f"strategy has a matrix of 1 to {MOST_LEGS} legs, or parallel with their number")
        return Strategy()
    return Strategy(legs=legs, at_once=at_once)


def _slice(number: int, of: int | None) -> Mapping[str, str]:
    return {"System.JobPositionInPhase": str(number), "System.TotalJobsInPhase": str(of)}


def multiplied(jobs: Sequence[Job], strategies: Mapping[str, Strategy]) -> tuple[Job, ...]:
    """Each leg as a job; whoever depends on the job waits for all of its legs."""
    names = {job.name: [_named(job, leg) for leg in strategies[job.name].legs] or [job.name] for job in jobs}
    found = []
    for job in jobs:
        after = tuple(name for other in job.depends_on for name in names.get(other, [other]))
        strategy = strategies[job.name]
        if not strategy.legs:
            found.append(replace(job, depends_on=after))
        for leg, variables in strategy.legs.items():
            found.append(
                replace(
                    job,
                    name=_named(job, leg),
                    leg=leg,
                    at_once=strategy.at_once,
                    display_name=f"{job.display_name} {leg}",
                    depends_on=after,
                    variables={**job.variables, **variables},
                )
            )
    return tuple(found)


def _named(job: Job, leg: str) -> str:
    return f"{job.name} {leg}"
