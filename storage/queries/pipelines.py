"""Statements of the pipelines context."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.queries.visible import visible
from storage.tables.pipelines import RunRecordRow


class PipelineQueries:
    """Reads of one tenant's runs."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def records_of(self, run_ids: Sequence[UUID]) -> list[RunRecordRow]:
        """The stages, jobs and steps of these runs, each run's in the order of its file."""
        c: Any = RunRecordRow
        statement = visible(self._access, RunRecordRow).where(c.run_id.in_(run_ids)).order_by(c.run_id, c.number)
        return list((await self._session.execute(statement)).scalars())

    async def records_numbered(self, run_id: UUID, numbers: Collection[int]) -> dict[int, RunRecordRow]:
        """Those of a run's records that are stored already, by number."""
        c: Any = RunRecordRow
        statement = visible(self._access, RunRecordRow).where(c.run_id == run_id, c.number.in_(numbers))
        return {row.number: row for row in (await self._session.execute(statement)).scalars()}
