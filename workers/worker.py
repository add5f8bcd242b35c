"""What a worker is: the events that wake it, what it does outside, what it records."""

from typing import Any, ClassVar, Protocol

from storage.tables.operations import EventRow
from storage.unit_of_work import UnitOfWork


class Worker(Protocol):
    """``act`` may call providers and run again; ``record`` runs in the transaction that claims the event."""

    name: ClassVar[str]
    wakes_on: ClassVar[tuple[str, ...]]
    attempts: ClassVar[int]
    timeout: ClassVar[float]

    async def act(self, event: EventRow) -> Any:
        """Outside any transaction; its result is handed to ``record``."""
        ...

    async def record(self, uow: UnitOfWork, event: EventRow, result: Any) -> None:
        """The effect on rows and events; the runtime commits."""
        ...

    async def on_dead_letter(self, uow: UnitOfWork, event: EventRow, reason: str) -> None:
        """Records the failure of the aggregate, so that no row waits for ever."""
        ...
