"""What pipelines raise.

ProviderError
├── ProviderRejected
│   ├── PipelineInvalid  the file cannot be run: every mistake with its line and column
│   └── RunLost          what ran it is gone, and how far it came is not known
└── ProviderUnavailable
    └── ExecutorFailed   the machine could not go on, such as a full disk
"""

from collections.abc import Sequence
from dataclasses import dataclass

from providers.errors import ProviderRejected, ProviderUnavailable


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Problem:
    """A mistake in a file of the repository (``path@alias`` in another one); line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class PipelineInvalid(ProviderRejected):
    """Told with every mistake, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RunLost(ProviderRejected):
    """Nothing runs it any more."""


class ExecutorFailed(ProviderUnavailable):
    """Not the pipeline's fault."""
