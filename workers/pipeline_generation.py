"""PipelineGenerationWorker: proposes a pipeline made anew when its module changes, and records what is merged."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from providers.git.errors import PathMissing
from providers.git.values import FileChange
from services.actor import Actor, Scope
from services.pipelines.generation import PipelineGeneratorService, generate
from services.platform.identities import acting
from services.source_control.branches import BranchCreation, BranchDeletion, CreateBranch, DeleteBranch
from services.source_control.commits import CommitService, CreateCommit
from services.source_control.git import Git, key_of
from services.source_control.moving import Caller, Moving
from services.source_control.pull_requests import ClosePullRequest, OpenPullRequest, PullRequestService
from storage.engine import Database
from storage.tables.operations import EventRow
from storage.tables.pipelines import PipelineDefinitionRow
from storage.tables.platform import IdentityRow, ModuleRow
from storage.tables.source_control import PullRequestRow, RepositoryRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery
from workers.errors import Ignore
from workers.worker import Progress

BRANCH: Final = "slipway/pipeline"
MESSAGE: Final = "Make the pipeline anew from the module's metadata"
MOST_BYTES: Final = 1_048_576


@dataclass(frozen=True, kw_only=True)
class Held:
    """A pipeline, the file that its default branch holds (None: absent), and our open proposal."""

    pipeline: PipelineDefinitionRow
    repository: RepositoryRow
    proposal: PullRequestRow | None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """What our branch holds now; the text of the default branch is nothing to propose."""

    held: Held
    actor: Actor
    text: str


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What moves branches."""

    moving: Moving
    branch_creation: BranchCreation
    branch_deletion: BranchDeletion
    commits: CommitService


Result = Sequence[Held | Proposed]


class PipelineGenerationWorker:
    """Works from the rows and Git as they are; a file that it never made is left alone."""

    name: ClassVar[str] = "PipelineGenerationWorker"
    wakes_on: ClassVar[tuple[str, ...]] = ("ModuleUpdated", "PullRequestMerged")
    attempts: ClassVar[int] = 5
    timeout: ClassVar[float] = 120.0

    def __init__(
        self,
        database: Database,
        git: Git,
        writing: Writing,
        pipelines: PipelineGeneratorService,
        pull_requests: PullRequestService,
    ) -> None:
        self._database = database
        self._git = git
        self._writing = writing
        self._pipelines = pipelines
        self._pull_requests = pull_requests

    def wants(self, event: EventRow) -> bool:
        """All of them."""
        return True

    async def act(self, delivery: Delivery, progress: Progress) -> Result:
        """Of a merge what the default branch holds; of a module's change what is proposed to each of its pipelines."""
        async with self._reading(delivery) as uow:
            module, found, actor = await _concerned(uow, delivery)
        held = [await self._held(one) for one in found]
        if module is None:
            return held
        if actor is None:
            raise Ignore("nobody answers for the change")
        proposed = []
        for one in held:
            text = generate(module, one.repository.default_branch)
            if self._pipelines.is_made(one.pipeline, one.text) and (text != one.text or one.proposal is not None):
                await self._write(delivery, one, actor, text)
                proposed.append(Proposed(held=one, actor=actor, text=text))
        return proposed

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: Result) -> None:
        """The row follows the default branch; a proposal has one pull request, closed when nothing is left of it."""
        for one in result:
            if isinstance(one, Held):
                await self._pipelines.held(uow, one.pipeline.id, one.text)
                continue
            await self._pipelines.proposed(uow, one.held.pipeline.id, one.text)
            proposal = await _proposal(uow, one.held.repository)
            if one.text == one.held.text and proposal is not None:
                close = ClosePullRequest(pull_request_id=proposal.id)
                await self._pull_requests.close(uow, one.actor, close)
            elif one.text != one.held.text and proposal is None:
                await self._pull_requests.open(uow, one.actor, _opening(one.held.repository, delivery))

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """Nothing waits for it: the pipeline stays as it is, and the dead letter tells why."""

    async def _held(self, one: Held) -> Held:
        key = key_of(one.repository)
        head = await self._git.head(key, one.repository.default_branch)
        if head is None:
            return one
        try:
            found = await self._git.file(key, head, one.pipeline.path, max_bytes=MOST_BYTES)
        except PathMissing:
            return one
        return replace(one, text=found.data.decode("utf-8", "replace"))

    async def _write(self, delivery: Delivery, held: Held, actor: Actor, text: str) -> None:
        """Onto the open proposal's branch, or a new one from the default branch: what an old one held is settled."""
        caller = Caller(actor=actor, cause=delivery.cause, traced=True)
        writing, repository_id = self._writing, held.repository.id
        if held.proposal is None:
            if await self._git.head(key_of(held.repository), BRANCH) is not None:
                old = DeleteBranch(repository_id=repository_id, name=BRANCH)
                await writing.moving.move(writing.branch_deletion, caller, old)
            made = CreateBranch(repository_id=repository_id, name=BRANCH)
            await writing.moving.move(writing.branch_creation, caller, made)
        changes = (FileChange(path=held.pipeline.path, content=text.encode()),)
        commit = CreateCommit(repository_id=repository_id, branch=BRANCH, message=MESSAGE, changes=changes)
        await writing.moving.move(writing.commits, caller, commit)

    @asynccontextmanager
    async def _reading(self, delivery: Delivery) -> AsyncIterator[UnitOfWork]:
        """A unit of work that is never committed."""
        async with self._database.reading(delivery.access) as session:
            yield UnitOfWork(session, delivery.access, delivery.cause)


async def _concerned(uow: UnitOfWork, delivery: Delivery) -> tuple[ModuleRow | None, list[Held], Actor | None]:
    """The module that changed, None for a merge, with the pipelines that it is about."""
    if delivery.subject_type == "PullRequest":
        row = await uow.rows.get(PullRequestRow, delivery.subject_id)
        pipelines = [] if row is None else await uow.rows.all(PipelineDefinitionRow, repository_id=row.repository_id)
        found = [
            held
            for held in await _standing(uow, pipelines)
            if row and held.repository.default_branch == row.target_branch
        ]
        return None, found, None
    module = await uow.rows.get(ModuleRow, delivery.subject_id)
    who = delivery.cause.actor_id
    identity = None if who is None else await uow.rows.get(IdentityRow, who)
    pipelines = await uow.rows.all(PipelineDefinitionRow, module_id=delivery.subject_id)
    actor = None if identity is None else acting(identity, Scope.REPOSITORIES_WRITE)
    return module, await _standing(uow, pipelines), actor


async def _standing(uow: UnitOfWork, pipelines: Sequence[PipelineDefinitionRow]) -> list[Held]:
    found = []
    for pipeline in pipelines:
        repository = await uow.rows.get(RepositoryRow, pipeline.repository_id)
        if repository is not None and repository.status == "PROVISIONED":
            proposal = await _proposal(uow, repository)
            found.append(Held(pipeline=pipeline, repository=repository, proposal=proposal))
    return found


async def _proposal(uow: UnitOfWork, repository: RepositoryRow) -> PullRequestRow | None:
    """The open pull request from our branch to the default one."""
    open_ = await uow.source_control.open_pull_requests_of(repository.id, BRANCH)
    ends = (BRANCH, repository.default_branch)
    return next((row for row in open_ if (row.source_branch, row.target_branch) == ends), None)


def _opening(repository: RepositoryRow, delivery: Delivery) -> OpenPullRequest:
    changed = ", ".join(str(name) for name in delivery.payload["changed"])
    body = f"The module's metadata changed ({changed}), and its pipeline is made from that."
    return OpenPullRequest(repository_id=repository.id, source_branch=BRANCH, title=MESSAGE, body=body)
