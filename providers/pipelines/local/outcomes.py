"""How the parts of a run ended and what they put out, as the expressions of later parts name it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from providers.pipelines.definition.values import Job
from providers.pipelines.expressions.values import Value
from providers.pipelines.local.order import together
from providers.pipelines.values import Status

_NAMES = {
    Status.SUCCEEDED: "Succeeded",
    Status.SUCCEEDED_WITH_ISSUES: "SucceededWithIssues",
    Status.FAILED: "Failed",
    Status.CANCELED: "Canceled",
    Status.SKIPPED: "Skipped",
}


@dataclass
class _Group:
    """A job, or the legs of one that a matrix multiplies."""

    statuses: list[Status] = field(default_factory=list)
    outputs: dict[str, Value] = field(default_factory=dict)

    def told(self) -> Mapping[str, Value]:
        return {"result": _NAMES[together(self.statuses)], "outputs": self.outputs}


class Outcomes:
    """Filled as jobs end; outputs are ``step.variable``, of a leg ``leg.step.variable``."""

    def __init__(self) -> None:
        self._stages: dict[str, dict[str, _Group]] = defaultdict(lambda: defaultdict(_Group))
        self._ended: dict[str, Status] = {}

    def job_ended(self, stage: str, job: Job, status: Status, outputs: Mapping[str, str]) -> None:
        """Whatever way."""
        group = self._stages[stage][job.group]
        group.statuses.append(status)
        prefix = "" if job.leg is None else f"{job.leg}."
        group.outputs.update({prefix + name: value for name, value in outputs.items()})

    def stage_ended(self, stage: str, status: Status) -> None:
        """Whatever way."""
        self._ended[stage] = status

    def of_jobs(self, stage: str) -> Mapping[str, Value]:
        """What a job of the stage may name."""
        return {
            "dependencies": {name: group.told() for name, group in self._stages[stage].items()},
            "stagedependencies": {
                name: {job: group.told() for job, group in self._stages[name].items()} for name in self._ended
            },
        }

    def of_stages(self) -> Mapping[str, Value]:
        """What a stage may name: outputs are ``job.step.variable``."""
        found: dict[str, Value] = {}
        for name, status in self._ended.items():
            outputs = {
                f"{job}.{key}": value
                for job, group in self._stages[name].items()
                for key, value in group.outputs.items()
            }
            found[name] = {"result": _NAMES[status], "outputs": outputs}
        return {"dependencies": found}

    @staticmethod
    def grouped(before: Mapping[str, Status], jobs: Mapping[str, Job]) -> Mapping[str, Status]:
        """How the jobs before went, the legs of one taken together under its name."""
        groups: dict[str, list[Status]] = defaultdict(list)
        for name, status in before.items():
            groups[jobs[name].group].append(status)
        return {name: together(statuses) for name, statuses in groups.items()}
