"""A pipeline as it is planned: what is not said in the file has its default here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

JOB_MINUTES: Final = 60.0


class StepKind(StrEnum):
    """What a step does."""

    CHECKOUT = "CHECKOUT"
    SCRIPT = "SCRIPT"
    BASH = "BASH"
    TASK = "TASK"


@dataclass(frozen=True, kw_only=True)
class Step:
    """``script`` is None for a checkout and a task; minutes of None leave it to the job's timeout."""

    kind: StepKind
    name: str | None = None
    display_name: str
    script: str | None = None
    task: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    condition: str | None = None
    continue_on_error: bool = False
    enabled: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    working_directory: str | None = None
    timeout_minutes: float | None = None
    retries: int = 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """Runs beside its stage's other jobs unless it depends on them; 0 minutes are without end.

    A matrix multiplies a job into legs, each a job of its own in the ``group`` that the file names.
    """

    name: str
    group: str
    leg: str | None = None
    at_once: int | None = None
    display_name: str
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    continue_on_error: bool = False
    timeout_minutes: float = JOB_MINUTES
    variables: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Follows the stage before it unless it says otherwise."""

    name: str
    display_name: str
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Patterns of which one must match and none may; no ``include`` is everything."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What starts a run: these branches, when one of these paths changed; ``enabled`` False is ``none``."""

    enabled: bool = True
    branches: Filter = field(default_factory=Filter)
    paths: Filter = field(default_factory=Filter)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A whole file; a job or steps without a stage stand in one that nobody named."""

    trigger: Trigger = field(default_factory=Trigger)
    pr: Trigger = field(default_factory=Trigger)
    variables: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
