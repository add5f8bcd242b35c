"""The embedded PipelineExecutor: runs on this machine as children of this process, and ends with it."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import UUID

from providers.blobs.store import Blobs
from providers.git.repositories import GitRepositories
from providers.pipelines.definition.load import load
from providers.pipelines.errors import RunLost
from providers.pipelines.local.children import kill_marked
from providers.pipelines.local.execution import RunExecution
from providers.pipelines.local.log import FileRunLogs
from providers.pipelines.local.slots import Slots
from providers.pipelines.local.workspace import remove
from providers.pipelines.values import Change, RunKey, RunOrder


class LocalRunner:
    """Workspaces below ``folder``, one a job; a run that was started by another process is lost."""

    def __init__(
        self,
        folder: Path,
        git: GitRepositories,
        logs: FileRunLogs,
        blobs: Blobs,
        *,
        slots: int,
        wheelhouse: Path | None = None,
    ) -> None:
        self._folder = folder
        self._git = git
        self._logs = logs
        self._blobs = blobs
        self._slots = Slots(slots)
        self._wheelhouse = wheelhouse
        self._running: dict[RunKey, RunExecution] = {}

    def turn(self, tenant_id: UUID) -> AbstractAsyncContextManager[None]:
        """One of the machine's slots."""
        return self._slots.of(tenant_id)

    async def start(self, order: RunOrder) -> None:
        """The file is understood as a whole before anything runs."""
        if order.key in self._running:
            return
        pipeline = load(order.yaml, order.files, variables=order.variables)
        log, folder = self._logs.writer(order.key), self._at(order.key)
        bare = self._git.path(order.repository)
        self._running[order.key] = RunExecution(
            order, pipeline, bare=bare, folder=folder, log=log, blobs=self._blobs, wheelhouse=self._wheelhouse
        )

    async def adopt(self, key: RunKey) -> None:
        """Never: what runs here ends with who drives it."""
        raise RunLost("the process that ran it is gone")

    def watch(self, key: RunKey) -> AsyncGenerator[Change, None]:
        """As it goes."""
        return self._running[key].records.changes()

    async def cancel(self, key: RunKey) -> None:
        """Nothing when it does not run."""
        execution = self._running.get(key)
        if execution is not None:
            execution.cancel()

    async def forget(self, key: RunKey) -> None:
        """Also what a process that is gone has left."""
        execution = self._running.pop(key, None)
        if execution is not None:
            execution.cancel()
            await execution.ended()
        self._logs.closed(key)
        kill_marked(key.run_id.hex)
        await remove(self._at(key))

    def _at(self, key: RunKey) -> Path:
        return self._folder / key.run_id.hex
