"""What is wrong with a pipeline's file, without running it."""

import asyncio
from collections.abc import Mapping

from providers.pipelines.definition.load import load
from providers.pipelines.errors import PipelineInvalid, Problem
from services.pipelines.sources import Others, PipelineSources, Source
from services.source_control.git import key_of
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork


class PipelineValidator:
    """As a run would tell it; a file may be long, so it is read off the loop."""

    def __init__(self, sources: PipelineSources) -> None:
        self._sources = sources

    async def others(self, uow: UnitOfWork, repository: RepositoryRow, yaml: str) -> Others:
        """The repositories that it takes templates from, by alias."""
        return await self._sources.others(uow, repository, yaml)

    async def mistakes(self, yaml: str) -> tuple[Problem, ...]:
        """Of a file alone, each template of which is absent."""
        return await asyncio.to_thread(_mistakes, yaml, {})

    async def mistakes_at(self, repository: RepositoryRow, sha: str, others: Others, yaml: str) -> tuple[Problem, ...]:
        """Of a file as if it stood in the repository at this commit, with the templates that are there."""
        own = Source(repository=key_of(repository), sha=sha)
        try:
            files = await self._sources.templates(own, others, yaml, parameters={}, variables={})
        except PipelineInvalid as error:
            return error.problems
        return await asyncio.to_thread(_mistakes, yaml, files)


def _mistakes(yaml: str, files: Mapping[str, str]) -> tuple[Problem, ...]:
    try:
        load(yaml, files)
    except PipelineInvalid as error:
        return error.problems
    return ()
