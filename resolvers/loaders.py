"""Per-request loaders: one statement and one short session per batch."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from strawberry.dataloader import DataLoader

from schema.connections import Asked, connect
from schema.types import TYPES
from services.actor import Actor, Scope
from storage.engine import Database
from storage.queries.conditions import Condition
from storage.queries.lineage import LineageQueries
from storage.queries.rows import Page, Rows


class RowLoaders:
    """Batches of rows by id and of pages below parents, within the caller's sight.

    Nothing is cached beyond a batch: a socket lives long, and its answers must not grow old.
    """

    def __init__(self, database: Database, actor: Actor) -> None:
        self._database = database
        self._access = actor.access
        self._issues = actor.allows(Scope.IDENTITIES_WRITE)
        self._rows: DataLoader[tuple[str, UUID], Any] = DataLoader(load_fn=self._load_rows, cache=False)
        self._pages: DataLoader[Any, Any] = DataLoader(load_fn=self._load_pages, cache=False)
        self._every: DataLoader[Any, Any] = DataLoader(load_fn=self._load_every, cache=False)
        self._keyed: DataLoader[Any, Any] = DataLoader(load_fn=self._load_keyed, cache=False)
        self._linked: DataLoader[Any, Any] = DataLoader(load_fn=self._load_linked, cache=False)
        self._counts: DataLoader[Any, int] = DataLoader(load_fn=self._load_counts, cache=False)
        self._linked_counts: DataLoader[Any, int] = DataLoader(load_fn=self._load_linked_counts, cache=False)

    async def one(self, target: str, row_id: UUID) -> Any:
        """The wrapped row, or None when it is absent or out of sight; tokens are for those who issue them."""
        if target == "Token" and not self._issues:
            return None
        return await self._rows.load((target, row_id))

    async def ones(self, target: str, ids: Sequence[UUID]) -> list[Any]:
        """As ``one``, in the order of the ids."""
        return list(await asyncio.gather(*(self.one(target, row_id) for row_id in ids)))

    async def by(self, target: str, names: tuple[str, ...], values: tuple[object, ...]) -> Any:
        """The wrapped row whose columns of these names hold these values, or None."""
        return await self._keyed.load((target, names, values))

    async def every(self, target: str, column: str, value: UUID) -> list[Any]:
        """Every row that points to one, oldest first: only for lists that people make by hand."""
        return list(await self._every.load((target, column, value)))

    async def linked(self, target: str, edge: tuple[str, bool], node: UUID, wanted: Asked) -> Any:
        """The connection of what a lineage edge (its kind, whether downstream) leads to from a node."""
        rows = await self._linked.load((target, edge, node, wanted.page))
        count = partial(self._linked_counts.load, (target, edge, node, wanted.page.where))
        return connect(wanted, list(rows), TYPES[target][0].of, count)

    async def many(self, target: str, key: str, parent: UUID, wanted: Asked) -> Any:
        """The connection below one parent; siblings share a statement."""
        rows = await self._pages.load((target, key, parent, wanted.page))
        count = partial(self._counts.load, (target, key, parent, wanted.page.where))
        return connect(wanted, list(rows), TYPES[target][0].of, count)

    async def root(self, target: str, wanted: Asked) -> Any:
        """The connection of every row in sight."""
        async with self._database.reading(self._access) as session:
            rows = await Rows(session, self._access).page(TYPES[target][1], wanted.page)
        return connect(wanted, rows, TYPES[target][0].of, partial(self.count, target, wanted.page.where))

    async def count(self, target: str, where: Any) -> int:
        """How many rows match."""
        async with self._database.reading(self._access) as session:
            return await Rows(session, self._access).count(TYPES[target][1], where)

    async def find(self, target: str, **keys: object) -> Any:
        """The wrapped row with these column values, or None."""
        async with self._database.reading(self._access) as session:
            row = await Rows(session, self._access).find(TYPES[target][1], **keys)
        return None if row is None else TYPES[target][0].of(row)

    async def newest(self, target: str, **keys: object) -> Any:
        """Of the rows with these column values the wrapped one that was made last, or None."""
        async with self._database.reading(self._access) as session:
            row = await Rows(session, self._access).newest(TYPES[target][1], **keys)
        return None if row is None else TYPES[target][0].of(row)

    async def _load_rows(self, keys: list[tuple[str, UUID]]) -> list[Any]:
        wanted: dict[str, list[UUID]] = defaultdict(list)
        for target, row_id in keys:
            wanted[target].append(row_id)
        found: dict[tuple[str, UUID], Any] = {}
        async with self._database.reading(self._access) as session:
            for target, ids in wanted.items():
                type_, kind = TYPES[target]
                rows = await Rows(session, self._access).by_ids(kind, ids)
                found.update({(target, row_id): type_.of(row) for row_id, row in rows.items()})
        return [found.get(key) for key in keys]

    async def _load_keyed(self, keys: list[tuple[str, tuple[str, ...], tuple[object, ...]]]) -> list[Any]:
        wanted: dict[tuple[str, tuple[str, ...]], set[tuple[object, ...]]] = defaultdict(set)
        for target, names, values in keys:
            wanted[target, names].add(values)
        found: dict[Any, Any] = {}
        async with self._database.reading(self._access) as session:
            for (target, names), level in wanted.items():
                type_, kind = TYPES[target]
                for row in await Rows(session, self._access).by_keys(kind, names, sorted(level, key=repr)):
                    found[target, names, tuple(getattr(row, name) for name in names)] = type_.of(row)
        return [found.get(key) for key in keys]

    async def _load_every(self, keys: list[tuple[str, str, UUID]]) -> list[Any]:
        wanted: dict[tuple[str, str], set[UUID]] = defaultdict(set)
        for target, column, value in keys:
            wanted[target, column].add(value)
        found: dict[tuple[str, str, UUID], list[Any]] = defaultdict(list)
        async with self._database.reading(self._access) as session:
            for (target, column), values in wanted.items():
                type_, kind = TYPES[target]
                rows = await Rows(session, self._access).by_keys(kind, (column,), [(value,) for value in values])
                for row in sorted(rows, key=lambda row: row.id):
                    found[target, column, getattr(row, column)].append(type_.of(row))
        return [found[key] for key in keys]

    async def _load_pages(self, keys: list[tuple[str, str, UUID, Page]]) -> list[Any]:
        found: dict[Any, Any] = {}
        async with self._database.reading(self._access) as session:
            for (target, column, page), parents in _levels(keys).items():
                below = await Rows(session, self._access).pages(TYPES[target][1], column, parents, page)
                found.update({(target, column, parent, page): rows for parent, rows in below.items()})
        return [found[key] for key in keys]

    async def _load_counts(self, keys: list[tuple[str, str, UUID, tuple[Condition, ...]]]) -> list[int]:
        found: dict[Any, int] = {}
        async with self._database.reading(self._access) as session:
            for (target, column, where), parents in _levels(keys).items():
                below = await Rows(session, self._access).counts(TYPES[target][1], column, parents, where)
                found.update({(target, column, parent, where): number for parent, number in below.items()})
        return [found[key] for key in keys]

    async def _load_linked(self, keys: list[tuple[str, tuple[str, bool], UUID, Page]]) -> list[Any]:
        found: dict[Any, Any] = {}
        async with self._database.reading(self._access) as session:
            for (target, edge, page), nodes in _levels(keys).items():
                beyond = await LineageQueries(session, self._access).linked(TYPES[target][1], edge, nodes, page)
                found.update({(target, edge, node, page): rows for node, rows in beyond.items()})
        return [found[key] for key in keys]

    async def _load_linked_counts(
        self, keys: list[tuple[str, tuple[str, bool], UUID, tuple[Condition, ...]]]
    ) -> list[int]:
        found: dict[Any, int] = {}
        async with self._database.reading(self._access) as session:
            for (target, edge, where), nodes in _levels(keys).items():
                beyond = await LineageQueries(session, self._access).counts(TYPES[target][1], edge, nodes, where)
                found.update({(target, edge, node, where): number for node, number in beyond.items()})
        return [found[key] for key in keys]


def _levels(keys: list[tuple[str, Any, UUID, Any]]) -> dict[tuple[str, Any, Any], list[UUID]]:
    """The parents that share one statement: the same list with the same page below each."""
    levels: dict[tuple[str, Any, Any], dict[UUID, None]] = defaultdict(dict)
    for target, way, parent, asked in keys:
        levels[target, way, asked][parent] = None
    return {level: list(parents) for level, parents in levels.items()}
