"""The files that a pipeline consists of: its own and the templates that it takes, as Git has them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from providers.git.errors import PathMissing, RevisionMissing
from providers.git.values import RepositoryKey
from providers.pipelines.definition.document import MOST_CHARACTERS, Entries, parse
from providers.pipelines.errors import PipelineInvalid
from providers.pipelines.templates.pipeline import expand
from providers.pipelines.templates.repositories import OtherRepository, repositories
from services.source_control.git import Git, key_of
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork

SECONDS: Final = 60.0
Others: TypeAlias = Mapping[str, tuple[RepositoryRow, str]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A repository at a commit."""

    repository: RepositoryKey
    sha: str


class PipelineSources:
    """Asks Git outside any unit of work."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def text(self, source: Source, path: str) -> str | None:
        """The file; None where it is absent."""
        try:
            found = await self._git.file(source.repository, source.sha, path, max_bytes=MOST_CHARACTERS)
        except (PathMissing, RevisionMissing):
            return None
        return found.data.decode("utf-8", "replace")

    async def others(
        self, uow: UnitOfWork, repository: RepositoryRow, text: str
    ) -> dict[str, tuple[RepositoryRow, str]]:
        """The repositories of its project that it names for templates, by alias, with the branch to read."""
        found = {}
        for other in _named(text):
            row = await uow.rows.find(RepositoryRow, project_id=repository.project_id, name=other.name)
            if row is not None and row.status == "PROVISIONED":
                found[other.alias] = (row, (other.ref or row.default_branch).removeprefix("refs/heads/"))
        return found

    async def templates(
        self,
        own: Source,
        others: Others,
        text: str,
        *,
        parameters: Mapping[str, str],
        variables: Mapping[str, str],
    ) -> Mapping[str, str]:
        """Every template that the pipeline takes, by ``path`` or ``path@alias``; PipelineInvalid with every mistake."""
        sources = {"": own}
        for alias, (row, branch) in others.items():
            head = await self._git.head(key_of(row), branch)
            if head is not None:
                sources[alias] = Source(repository=key_of(row), sha=head)
        loop = asyncio.get_running_loop()
        found: dict[str, str] = {}

        def read(name: str) -> str | None:
            path, _, alias = name.partition("@")
            if alias not in sources:
                return None
            text = asyncio.run_coroutine_threadsafe(self.text(sources[alias], path), loop).result(SECONDS)
            if text is not None:
                found[name] = text
            return text

        async with asyncio.timeout(SECONDS):
            await asyncio.to_thread(expand, text, read, parameters=parameters, variables=variables)
        return found


def _named(text: str) -> tuple[OtherRepository, ...]:
    try:
        root = parse(text)
    except PipelineInvalid:
        return ()
    return repositories(root) if isinstance(root, Entries) else ()
