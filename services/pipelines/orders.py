"""What a run is to its executor: the pipeline's files at its commit and the predefined variables."""

from dataclasses import dataclass
from uuid import UUID

from providers.pipelines.values import RunKey, RunOrder
from services.pipelines.predefined import predefined
from services.pipelines.sources import Others, PipelineSources, Source
from services.source_control.git import key_of
from storage.tables.pipelines import PipelineDefinitionRow, PipelineRunRow
from storage.tables.source_control import PullRequestRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """A run with the rows that it is of."""

    run: PipelineRunRow
    pipeline: PipelineDefinitionRow
    repository: RepositoryRow
    pull_request: PullRequestRow | None

    @property
    def source(self) -> Source:
        """Its repository at its commit."""
        return Source(repository=key_of(self.repository), sha=self.run.commit_sha)


class RunOrders:
    """Reads rows within a unit of work, and Git outside any."""

    def __init__(self, sources: PipelineSources) -> None:
        self._sources = sources

    async def facts(self, uow: UnitOfWork, run_id: UUID) -> RunFacts:
        """Of a run that stands."""
        run = await uow.rows.get(PipelineRunRow, run_id)
        assert run is not None
        pipeline = await uow.rows.get(PipelineDefinitionRow, run.pipeline_id)
        repository = await uow.rows.get(RepositoryRow, run.repository_id)
        assert pipeline is not None
        assert repository is not None
        asked = run.pull_request_id
        pull_request = None if asked is None else await uow.rows.get(PullRequestRow, asked)
        return RunFacts(run=run, pipeline=pipeline, repository=repository, pull_request=pull_request)

    async def text(self, facts: RunFacts) -> str | None:
        """The pipeline's own file; None where the commit has none."""
        return await self._sources.text(facts.source, facts.pipeline.path)

    async def others(self, uow: UnitOfWork, facts: RunFacts, text: str) -> Others:
        """The repositories that it takes templates from, by alias, each with the branch to read."""
        return await self._sources.others(uow, facts.repository, text)

    async def order(self, facts: RunFacts, text: str, others: Others) -> RunOrder:
        """PipelineInvalid when the files cannot be read as a pipeline."""
        variables = predefined(facts.run, facts.repository, facts.pull_request)
        files = await self._sources.templates(facts.source, others, text, parameters={}, variables=variables)
        return RunOrder(
            key=RunKey(tenant_id=facts.run.tenant_id, run_id=facts.run.id),
            repository=facts.source.repository,
            repository_name=facts.repository.name,
            branch=facts.run.branch,
            commit_sha=facts.run.commit_sha,
            yaml=text,
            files=files,
            variables=variables,
        )
