"""Where a job's steps run, and how one ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from providers.pipelines.local.children import Child, kill_marked
from providers.pipelines.local.collection import Collection
from providers.pipelines.local.files import Files
from providers.pipelines.local.log import LogWriter
from providers.pipelines.local.sandbox import Sandbox
from providers.pipelines.local.variables import Variables
from providers.pipelines.local.workspace import Workspace
from providers.pipelines.values import RunOrder, Status


@dataclass(frozen=True, kw_only=True)
class StepEnd:
    """How a step went."""

    status: Status
    explanation: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class JobPlace:
    """What the steps of one job share; ``mark`` is in the environment of whatever runs in it."""

    order: RunOrder
    bare: Path
    workspace: Workspace
    variables: Variables
    log: LogWriter
    mark: str
    sandbox: Sandbox
    collection: Collection
    outputs: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)

    def write(self, number: int, texts: Sequence[str]) -> None:
        """Lines of the log, without secrets."""
        self.log.write(number, [self.variables.masked(text) for text in texts])

    @property
    def files(self) -> Files:
        """Its folder, for what the server itself reads and writes there."""
        return Files(self.workspace.root)

    def kill(self) -> None:
        """Ends what runs at once."""
        for child in self.children:
            child.kill()

    async def clear(self) -> None:
        """Ends what its steps left behind, also what hid in a session of its own."""
        for child in self.children:
            await child.end()
        await asyncio.to_thread(kill_marked, self.mark)
        self.sandbox.close()
