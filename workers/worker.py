"""What a worker is: the events that wake it, what it does outside, what it records."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

from storage.tables.operations import EventRow
from storage.tables.scoped import TenantScoped
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery, Due

Progress = Callable[[str, Callable[[UnitOfWork], Awaitable[None]]], Awaitable[bool]]


class Worker(Protocol):
    """``act`` may call providers and run again; ``record`` runs in the transaction that claims the delivery."""

    name: ClassVar[str]
    wakes_on: ClassVar[tuple[str, ...]]
    attempts: ClassVar[int]
    timeout: ClassVar[float]

    def wants(self, event: EventRow) -> bool:
        """Whether one of its events truly concerns it, told by the event alone; what is not wanted costs nothing."""
        ...

    async def act(self, delivery: Delivery, progress: Progress) -> Any:
        """Outside any transaction; its result is handed to ``record``.

        ``await progress(key, decide)`` commits a unit of work on the way, once per key; False when it was done before.
        """
        ...

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: Any) -> None:
        """The effect on rows and events; the runtime commits."""
        ...

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """Records the failure of the aggregate, so that no row waits for ever."""
        ...


@runtime_checkable
class LookingWorker(Worker, Protocol):
    """A worker that most of its events do not concern, which they do not tell: it looks before a delivery is begun."""

    async def concerns(self, delivery: Delivery) -> bool:
        """Asked outside any transaction, once or again; what cannot be told concerns it, for ``act`` tries again."""
        ...


@runtime_checkable
class TimedWorker(Worker, Protocol):
    """A worker that rows wake as well; ``record`` and ``on_dead_letter`` must move the row's due time on."""

    ticks_for: ClassVar[type[TenantScoped]]

    async def due(self, moment: datetime, limit: int) -> Sequence[Due]:
        """The rows of every tenant whose time has come, the longest due first."""
        ...
