"""Whether a stage, job or step runs, after how it went before; a skip tells the condition and what it saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from providers.pipelines.values import Status

DEFAULT: Final = "succeeded()"
KNOWN: Final = ("succeeded()", "failed()", "succeededOrFailed()", "always()", "canceled()")


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How what a condition looks at went, by name; ``canceled`` is the run's."""

    before: Mapping[str, Status]
    canceled: bool = False

    @property
    def failed(self) -> bool:
        """Whether anything before failed."""
        return Status.FAILED in self.before.values()

    @property
    def succeeded(self) -> bool:
        """Whether everything before did, with issues or not."""
        return all(status in {Status.SUCCEEDED, Status.SUCCEEDED_WITH_ISSUES} for status in self.before.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """``explanation`` is for people, when it does not run."""

    runs: bool
    explanation: str | None = None


def is_known(condition: str) -> bool:
    """Whether ``decide`` understands it; spaces and case do not matter."""
    return _plain(condition) in {known.lower() for known in KNOWN}


def decide(condition: str | None, standing: Standing) -> Verdict:
    """By the condition, or the default one."""
    match _plain(condition or DEFAULT):
        case "always()":
            runs = True
        case "canceled()":
            runs = standing.canceled
        case "failed()":
            runs = standing.failed and not standing.canceled
        case "succeededorfailed()":
            runs = not standing.canceled
        case _:
            runs = standing.succeeded and not standing.canceled
    return Verdict(runs=runs, explanation=None if runs else _explained(condition or DEFAULT, standing))


def _explained(condition: str, standing: Standing) -> str:
    if standing.canceled:
        return f"{condition} is false: the run was canceled"
    saw = ", ".join(f"{name} {status.value}" for name, status in standing.before.items()) or "nothing before"
    return f"{condition} is false: {saw}"


def _plain(condition: str) -> str:
    return "".join(condition.split()).lower()
