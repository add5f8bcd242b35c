"""Git as one caller reads it: reads of one level go together, and a commit met for the first time gets its row."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
from strawberry.dataloader import DataLoader

from resolvers.loaders import RowLoaders
from schema.connections import Connection
from schema.pages import forward_page, page_size
from services.actor import Actor
from services.errors import InvalidInput, NotFound, absent
from services.source_control.reading import ReadingService
from services.source_control.unrecorded import recorded
from storage.access import Cause
from storage.engine import Database
from storage.errors import UniqueViolation
from storage.ids import public_id
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import unit_of_work

MOST_READS: Final = 50
MOST_BRANCHES: Final = 100
COUNTED: Final = 1_000_000
_KEY: Final = ("repository_id", "sha")


class GitReader:
    """What fields that read Git ask; at most 50 reads stand side by side in one operation."""

    def __init__(
        self,
        database: Database,
        actor: Actor,
        loaders: RowLoaders,
        reading: ReadingService,
        cause: Callable[[], Cause],
    ) -> None:
        self.reading = reading
        self._database = database
        self._actor = actor
        self._loaders = loaders
        self._cause = cause
        self._reads: DataLoader[Callable[[], Awaitable[Any]], Any] = DataLoader(load_fn=self._together, cache=False)

    async def repository(self, repository_id: UUID) -> RepositoryRow:
        """The repository of a row that the caller sees."""
        found = await self._loaders.one("Repository", repository_id)
        if found is None:
            raise absent("repository", public_id("Repository", repository_id))
        row: RepositoryRow = found.row
        return row

    async def ask(self, method: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        """One read, beside those of its siblings."""
        return await self._reads.load(partial(method, *arguments, **options))

    async def history(
        self, row: RepositoryRow, ref: str | None, first: int | None, after: str | None
    ) -> Connection[Any]:
        """The commits that a ref reaches, newest first; a cursor stays with the sha that the first page began at."""
        size = page_size(first)
        start, last = _decode(after) if after is not None else (await self.ask(self.reading.resolve, row, ref), None)
        shas: list[str] = await self.ask(self.reading.history, row, start, limit=size + 1, after=last)
        nodes = await self._commits(row, shas[:size])

        async def count() -> int:
            return len(await self.ask(self.reading.history, row, start, limit=COUNTED))

        return forward_page(
            [*zip(shas, nodes, strict=False), *shas[size:]],
            size,
            continued=after is not None,
            cursor=lambda one: _encode(start, one[0]),
            wrap=lambda one: one[1],
            count=count,
        )

    async def commit(self, row: RepositoryRow, sha: str) -> Any:
        """The commit, when it is recorded or a branch reaches it; else None."""
        known = await self._loaders.by("Commit", _KEY, (row.id, sha))
        if known is not None:
            return known
        return (await self._commits(row, [sha]))[0] if await self.ask(self.reading.branches_with, row, sha) else None

    async def branches_with(self, repository_id: UUID, sha: str) -> list[Any]:
        """The branches that reach a commit, by name, the default one first."""
        row = await self.repository(repository_id)
        names = (await self.ask(self.reading.branches_with, row, sha))[:MOST_BRANCHES]
        by_name = partial(self._loaders.by, "Branch", ("repository_id", "name"))
        found = await asyncio.gather(*(by_name((row.id, name)) for name in names))
        return [node for node in found if node is not None]

    async def _commits(self, row: RepositoryRow, shas: Sequence[str]) -> list[Any]:
        found = await self._rows(row, shas)
        missing = [sha for sha, node in zip(shas, found, strict=True) if node is None]
        if not missing:
            return found
        branches = await self.ask(self.reading.branches_with, row, missing[0])
        if not branches:
            raise NotFound(f"no branch reaches the commit {missing[0]}", field="ref")
        seen = await self.ask(self.reading.commits, row, missing)
        try:
            async with unit_of_work(self._database, self._actor.access, self._cause()) as uow:
                await recorded(uow, row, branches[0], seen)
                await uow.commit()
        except UniqueViolation:
            pass  # another reader met them at the same moment
        return await self._rows(row, shas)

    async def _rows(self, row: RepositoryRow, shas: Sequence[str]) -> list[Any]:
        return list(await asyncio.gather(*(self._loaders.by("Commit", _KEY, (row.id, sha)) for sha in shas)))

    async def _together(self, reads: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
        if len(reads) > MOST_READS:
            raise InvalidInput(f"{len(reads)} reads of Git side by side, at most {MOST_READS} pass: ask for less")
        return list(await asyncio.gather(*(read() for read in reads), return_exceptions=True))


def _encode(start: str, sha: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([start, sha])).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, str]:
    try:
        start, sha = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if len(bytes.fromhex(start)) != 20 or len(bytes.fromhex(sha)) != 20:
            raise ValueError("of another list")
        return start, sha
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"cursor {cursor[:60]!r} is not of a list of commits: leave it out", field="after"
        ) from error
