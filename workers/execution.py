"""One execution of a delivery: what it may still change, and that it takes effect once."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from storage.engine import Database
from storage.errors import UniqueViolation
from storage.tables.scoped import now
from storage.unit_of_work import UnitOfWork, repeated, unit_of_work
from workers.delivery import Delivery
from workers.errors import Superseded

Decide = Callable[[UnitOfWork], Awaitable[None]]


class Execution:
    """Fenced by a token: the later an execution begins, the larger its token, and a larger one shuts smaller ones out.

    The token is written with the first progress, so that a worker without any pays nothing for it.
    """

    def __init__(self, database: Database, worker: str, delivery: Delivery) -> None:
        self._database = database
        self._worker = worker
        self._delivery = delivery
        self._began_at = now()
        self._token = time.time_ns()

    async def begin(self) -> bool:
        """Whether anything is left to do; its token is over those that made progress, whatever the clock says."""
        access = self._delivery.access
        async with self._database.reading(access) as session:
            operations = UnitOfWork(session, access, self._delivery.cause).operations
            if await operations.is_processed(self._worker, self._delivery.key):
                return False
            self._token = max(self._token, 1 + await operations.token(self._worker, self._delivery.key))
            return True

    async def progress(self, key: str, decide: Decide) -> bool:
        """Commits ``decide``'s unit of work, once per key; False when it was done before, Superseded in a zombie."""
        try:
            return await repeated(lambda: self._progress(key, decide))
        except UniqueViolation:
            return await self._progress(key, decide)

    async def _progress(self, key: str, decide: Decide) -> bool:
        async with self._unit_of_work() as uow:
            operations, name = uow.operations, (self._worker, self._delivery.key)
            if not await operations.hold(*name, self._token) or await operations.is_processed(*name):
                raise Superseded
            if await operations.has_progressed(*name, key):
                await uow.commit()
                return False
            await decide(uow)
            operations.mark_progressed(*name, key)
            await uow.commit()
            return True

    async def finish(self, decide: Decide) -> None:
        """Commits the effect with its claim in ``processed``; Superseded when another execution did or holds it."""
        try:
            await repeated(lambda: self._finish(decide))
        except UniqueViolation:
            if await self.begin():
                raise
            raise Superseded from None

    async def _finish(self, decide: Decide) -> None:
        async with self._unit_of_work() as uow:
            name = (self._worker, self._delivery.key)
            if not await uow.operations.release(*name, self._token):
                raise Superseded
            await decide(uow)
            uow.operations.mark_processed(*name, self._began_at)
            await uow.commit()

    def _unit_of_work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return unit_of_work(self._database, self._delivery.access, self._delivery.cause)
