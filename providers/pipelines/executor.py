"""The port to what runs pipelines."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from providers.pipelines.values import Change, RunKey, RunOrder


class PipelineExecutor(Protocol):
    """Runs of every tenant, each driven by one caller; any method may be called from any task."""

    def turn(self, tenant_id: UUID) -> AbstractAsyncContextManager[None]:
        """A free slot, waited for; tenants that hold fewer come first. Hold it while the run is watched."""
        ...

    async def start(self, order: RunOrder) -> None:
        """Begins it; one that runs already is left as it is. PipelineInvalid when the file cannot be run."""
        ...

    async def adopt(self, key: RunKey) -> None:
        """Takes up a run that an execution which is gone has started; RunLost when nothing runs it any more."""
        ...

    def watch(self, key: RunKey) -> AsyncGenerator[Change, None]:
        """Every record first, then what changes; the last change says how it ended, and all its log is written."""
        ...

    async def cancel(self, key: RunKey) -> None:
        """Ends what runs of it at once, with all its children; ``watch`` tells the rest."""
        ...

    async def forget(self, key: RunKey) -> None:
        """Ends what may be left of it and removes what it needed to run; its log stays."""
        ...
