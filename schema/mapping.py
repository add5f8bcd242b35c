"""What each field of a type is: a column, a relation to one row, or a connection to many.

The declaration stands beside the field and is the only one: resolvers, loaders, filters and orderings read it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from uuid import UUID

import strawberry
from strawberry.types import Info

from services.errors import InvalidInput
from storage.ids import parse_id, public_id
from storage.tables.scoped import TenantScoped


@dataclass(frozen=True, kw_only=True)
class Column:
    """The field is this column, as it is."""

    name: str


@dataclass(frozen=True, kw_only=True)
class IdColumn:
    """The field is this UUID column, as the outward id of ``target``."""

    name: str
    target: str


@dataclass(frozen=True, kw_only=True)
class ToOne:
    """The field is the ``target`` row whose id is in this column."""

    column: str
    target: str


@dataclass(frozen=True, kw_only=True)
class ToMany:
    """The field is a connection of the ``target`` rows whose ``key`` column holds this row's id."""

    key: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Every:
    """The field is a connection of every visible ``target`` row."""

    target: str


@dataclass(frozen=True, kw_only=True)
class ToOneBy:
    """The field is the ``target`` row whose columns equal this row's: (target's column, own column) each."""

    columns: tuple[tuple[str, str], ...]
    target: str


@dataclass(frozen=True, kw_only=True)
class Linked:
    """The field is a connection of the ``target`` rows that a lineage edge of this kind leads to."""

    kind: str
    downstream: bool
    target: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Which declared fields lists of a type are filtered by, searched in and ordered by.

    Every list can also be filtered by and ordered by when its rows were made. Without an ``orderBy`` it runs by
    ``default``, a field of ``order``, or as its rows were made.
    """

    filter: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    default: str | None = None


Source = Column | IdColumn | ToOne | ToMany | Every | ToOneBy | Linked


class Loaders(Protocol):
    """What a field that leaves its row asks for; one short session per batch."""

    async def one(self, target: str, row_id: UUID) -> Any:
        """The wrapped row, or None when it is out of sight."""
        ...


def _field(source: Source, resolver: Callable[..., Any], description: str, returns: Any) -> Any:
    if returns is not None:
        resolver.__annotations__["return"] = returns
    return strawberry.field(resolver=resolver, description=description, metadata={"source": source})


def column(name: str, description: str) -> Any:
    """A field that is a column."""

    def read(root: Any) -> Any:
        return getattr(root.row, name)

    del read.__annotations__["return"]
    return _field(Column(name=name), read, description, None)


def id_column(name: str, target: str, description: str) -> Any:
    """A field that is an id, prefixed at the edge."""

    def read(root: Any) -> Any:
        value: UUID | None = getattr(root.row, name)
        return None if value is None else public_id(target, value)

    del read.__annotations__["return"]
    return _field(IdColumn(name=name, target=target), read, description, None)


def to_one(name: str, target: str, description: str) -> Any:
    """A field that is another row, loaded in one batch per level."""

    async def read(root: Any, info: Info) -> Any:
        value: UUID | None = getattr(root.row, name)
        return None if value is None else await info.context.loaders.one(target, value)

    del read.__annotations__["return"]
    return _field(ToOne(column=name, target=target), read, description, None)


def to_one_by(target: str, description: str, **columns: str) -> Any:
    """A field that is the row with these column values (``target's column="own column"``), in one batch per level."""
    pairs = tuple(sorted(columns.items()))

    async def read(root: Any, info: Info) -> Any:
        values = tuple(getattr(root.row, own) for _, own in pairs)
        if None in values:
            return None
        return await info.context.loaders.by(target, tuple(name for name, _ in pairs), values)

    del read.__annotations__["return"]
    return _field(ToOneBy(columns=pairs, target=target), read, description, None)


def sources(type_: type) -> dict[str, Source]:
    """Field name (snake_case) to its declaration; fields that are computed are absent."""
    definition: Any = type_.__strawberry_definition__  # type: ignore[attr-defined]  # set by the decorator
    return {
        field.python_name: field.metadata["source"] for field in definition.fields if "source" in (field.metadata or {})
    }


def id_of(value: str, target: str, field: str) -> UUID:
    """The UUID of an outward id of this type; InvalidInput when it is malformed or of another type."""
    try:
        kind, row_id = parse_id(value)
    except ValueError as error:
        raise InvalidInput(f"{field}: {error}", field=field) from error
    if kind != target:
        raise InvalidInput(f"{field} {value!r} is the id of a {kind}, not of a {target}", field=field)
    return row_id


def _own_id(root: Any) -> str:
    return public_id(type(root).__name__, root.row.id)


@strawberry.interface(description="Anything with a global id.")
class Node:
    """A row behind a GraphQL type."""

    row: strawberry.Private[Any]
    listing: ClassVar[Listing] = Listing()

    id: strawberry.ID = _field(IdColumn(name="id", target=""), _own_id, "Global id with a prefix.", strawberry.ID)

    @classmethod
    def of(cls, row: TenantScoped) -> Any:
        """The row as this type."""
        return cls(row=row)
