"""What a move of a branch or a pull request starts, as the pipeline's file says at that very commit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

from providers.git.errors import RevisionMissing
from providers.pipelines.definition.load import load_triggers
from providers.pipelines.definition.triggers import matches
from providers.pipelines.definition.values import Trigger
from services.pipelines.runs import NewRun, RunReason, queue
from services.pipelines.sources import PipelineSources, Source
from services.source_control.git import Git, key_of
from storage.tables.pipelines import PipelineDefinitionRow, PipelineRunRow
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork

SECONDS: Final = 60.0
MOST_PATHS: Final = 3_000
SKIPS: Final = ("[skip ci]", "[ci skip]", "***no_ci***")


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A branch that stands at a new commit, or a pull request whose source does; ``into`` is its target."""

    repository: RepositoryRow
    pipeline: PipelineDefinitionRow
    branch: str
    old_sha: str | None
    sha: str
    trace_id: str
    into: str | None = None
    pull_request_id: UUID | None = None


_triggers = lru_cache(maxsize=128)(load_triggers)


class TriggerService:
    """Asks Git outside any unit of work, and queues within one."""

    def __init__(self, git: Git, sources: PipelineSources) -> None:
        self._git = git
        self._sources = sources

    async def starts(self, moved: Moved) -> bool:
        """Whether a run follows; not where the file is absent or the commit's message asks to skip it."""
        key = key_of(moved.repository)
        async with asyncio.timeout(SECONDS):
            text = await self._sources.text(Source(repository=key, sha=moved.sha), moved.pipeline.path)
            if text is None:
                return False
            trigger, pr = _triggers(text)
            wanted = trigger if moved.into is None else pr
            if not matches(wanted, moved.into or moved.branch, await self._paths(moved, wanted)):
                return False
            commit = await self._git.commit(key, moved.sha)
            return not any(skip in commit.message.lower() for skip in SKIPS)

    async def _paths(self, moved: Moved, trigger: Trigger) -> Sequence[str] | None:
        """What the move changed; None when nobody asks or too much did."""
        if not (trigger.paths.include or trigger.paths.exclude):
            return None
        base = moved.into or moved.old_sha
        if base is None:
            return None
        key = key_of(moved.repository)
        try:
            old = await self._git.head(key, base) if moved.into is not None else base
            if old is None:
                return None
            diff = await self._git.diff(
                key, old, moved.sha, patches=False, limit=MOST_PATHS, from_merge_base=moved.into is not None
            )
        except RevisionMissing:
            return None
        return None if diff.truncated else [path for file in diff.files for path in (file.path, file.old_path) if path]

    async def queue(self, uow: UnitOfWork, moved: Moved) -> None:
        """The run, unless the same pipeline was started at the same sha for the same reason before."""
        new = NewRun(
            pipeline_id=moved.pipeline.id,
            branch=moved.branch,
            commit_sha=moved.sha,
            reason=RunReason.TRIGGER if moved.into is None else RunReason.PULL_REQUEST,
            on_default_branch=moved.into is None and moved.branch == moved.repository.default_branch,
            pull_request_id=moved.pull_request_id,
            trace_id=moved.trace_id,
            requested_by=uow.cause.actor_id,
        )
        if await uow.rows.find(PipelineRunRow, trigger_key=new.trigger_key) is None:
            await queue(uow, new)
