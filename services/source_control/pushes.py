"""PushService: what a Git client may move, and what it reads on its screen when it may not."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from providers.git.errors import InvalidBranchName
from providers.git.paths import check_branch_name
from providers.git.transport import GitTransport, Incoming
from providers.git.values import TAGS, CommitInfo, RefUpdate
from services.actor import Actor, Scope
from services.errors import PolicyDenied, SlipwayError
from services.source_control.branches import check_deletable
from services.source_control.commits import moves_directly, writable
from services.source_control.git import Git, key_of
from services.source_control.observing import Observer
from services.source_control.ref_moves import PUSH, Push, RefMove
from storage.tables.source_control import BranchRow, PullRequestRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class PushRefs:
    """Moves refs to objects that came with the push; ``incoming`` is None when none did."""

    repository_id: UUID
    updates: tuple[RefUpdate, ...]
    incoming: Incoming | None = None

    @property
    def branches(self) -> tuple[str, ...]:
        """The names of the branches that are to move."""
        return tuple(update.branch for update in self.updates if update.branch is not None)


@dataclass(frozen=True, kw_only=True)
class PushSight:
    """What the rows say of the refs that are to move."""

    repository: RepositoryRow
    heads: list[str]
    open_pull_requests: list[PullRequestRow]


class PushRefused(PolicyDenied):
    """Why each of these refs may not move as it is asked for; the others of the push stay with them."""

    def __init__(self, reasons: Mapping[str, str], *, screen: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join(dict.fromkeys(reasons.values())))
        self.reasons = reasons
        self.screen = screen


class PushService:
    """Decides pushes: all refs or none."""

    def __init__(self, git: Git, transport: GitTransport) -> None:
        self._git = git
        self._observer = Observer(git, transport)

    async def claims(self, uow: UnitOfWork, command: PushRefs) -> tuple[UUID, tuple[str, ...]]:
        """Every branch that is to move."""
        return command.repository_id, command.branches

    async def authorise(self, uow: UnitOfWork, actor: Actor, command: PushRefs) -> PushSight:
        """PushRefused with a reason for each ref that a rule keeps where it is."""
        actor.require(Scope.REPOSITORIES_WRITE)
        repository = await writable(uow, command.repository_id)
        standing = await uow.source_control.branches_named(repository.id, command.branches)
        reasons: dict[str, str] = {}
        screen: dict[str, None] = {}
        for update in command.updates:
            try:
                await _check(uow, repository, standing.get(update.branch or ""), update)
            except _Reason as reason:
                reasons[update.ref] = str(reason)
                screen[reason.told] = None
        if reasons:
            raise PushRefused(reasons, screen=tuple(screen))
        heads = await uow.source_control.heads(repository.id)
        open_ = await uow.source_control.open_pull_requests_of(repository.id, *command.branches)
        return PushSight(repository=repository, heads=heads, open_pull_requests=open_)

    async def write(self, actor: Actor, command: PushRefs, sight: PushSight) -> Push:
        """The objects enter the repository; PushRefused when a branch is not where the client believed."""
        await self._check_heads(command, sight.repository)
        if command.incoming is not None:
            await command.incoming.keep()
        updates = [update for update in command.updates if update.branch is not None]
        tips = [update.new for update in updates if update.new is not None]
        brought = iter(await self._observer.commits(sight.repository, tips, sight.heads))
        moves = [await self._move(one, () if one.new is None else next(brought), sight) for one in updates]
        return Push(repository=sight.repository, updates=command.updates, moves=tuple(moves))

    async def _check_heads(self, command: PushRefs, repository: RepositoryRow) -> None:
        key, branches = key_of(repository), command.branches
        heads = await self._git.refs(key) if len(branches) > 1 else {}
        if len(branches) == 1 and (head := await self._git.head(key, branches[0])) is not None:
            heads[branches[0]] = head
        moved = [one.ref for one in command.updates if one.branch is not None and heads.get(one.branch) != one.old]
        if moved:
            told = "somebody else has moved the branch: fetch, then push again"
            raise PushRefused(dict.fromkeys(moved, "fetch first"), screen=(told,))

    async def _move(self, update: RefUpdate, commits: tuple[CommitInfo, ...], sight: PushSight) -> RefMove:
        assert update.branch is not None
        merges: tuple[UUID, ...] = ()
        forced = False
        if update.new is not None:
            if update.old is not None:
                forced = not await self._git.is_ancestor(key_of(sight.repository), update.old, update.new)
            open_ = sight.open_pull_requests
            merges = await self._observer.merges(sight.repository, update.branch, update.new, open_)
        return RefMove(
            kind=PUSH,
            repository=sight.repository,
            branch=update.branch,
            old_sha=update.old,
            new_sha=update.new,
            commits=commits,
            merges=merges,
            forced=forced,
        )


class _Reason(Exception):
    """Why a ref stays: short for the client's list of refs, ``told`` in full for its screen."""

    def __init__(self, short: str, told: str) -> None:
        super().__init__(short)
        self.told = told


async def _check(uow: UnitOfWork, repository: RepositoryRow, row: BranchRow | None, update: RefUpdate) -> None:
    if update.branch is None and not update.ref.startswith(TAGS):
        raise _Reason("not a branch or tag", f"{update.ref} is neither a branch nor a tag: only these can be pushed")
    try:
        check_branch_name(update.branch or update.ref.removeprefix(TAGS))
    except InvalidBranchName as error:
        raise _Reason("invalid name", str(error)) from error
    if row is None:
        return
    if update.new is None:
        try:
            await check_deletable(uow, repository, row)
        except SlipwayError as error:
            raise _Reason(error.message.partition(": ")[0], _full(error)) from error
    elif not moves_directly(repository, row):
        raise _Reason(
            "protected branch: open a pull request",
            f"branch {row.name!r} is protected: push to another branch and open a pull request from there",
        )


def _full(error: SlipwayError) -> str:
    return error.message if error.help is None else f"{error.message} ({error.help})"
