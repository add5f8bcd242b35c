"""The stages, jobs and steps of runs, in one statement for all the runs of a level."""

from collections import defaultdict
from uuid import UUID

from strawberry.dataloader import DataLoader

from services.actor import Actor
from storage.engine import Database
from storage.queries.pipelines import PipelineQueries
from storage.tables.pipelines import RunRecordRow


def run_records(database: Database, actor: Actor) -> DataLoader[UUID, list[RunRecordRow]]:
    """By the run's id, in the order of its file; nothing is cached beyond a batch."""

    async def load(run_ids: list[UUID]) -> list[list[RunRecordRow]]:
        async with database.reading(actor.access) as session:
            rows = await PipelineQueries(session, actor.access).records_of(run_ids)
        found: defaultdict[UUID, list[RunRecordRow]] = defaultdict(list)
        for row in rows:
            found[row.run_id].append(row)
        return [found[run_id] for run_id in run_ids]

    return DataLoader(load_fn=load, cache=False)
