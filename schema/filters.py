"""Typed ``filter`` and ``orderBy`` inputs, made from the declarations beside each type's fields.

A type names the fields in its ``listing``; what column each is, only its declaration says.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, get_args
from uuid import UUID

import strawberry
from strawberry.types.lazy_type import LazyType

from schema.mapping import Column, IdColumn, Node, ToOne, id_of, sources
from services.errors import InvalidInput
from services.names import words
from storage.queries.conditions import Compare, Condition

MOST_VALUES, LONGEST_TEXT = 100, 300


@strawberry.enum(description="Which way an ordering runs.")
class Direction(Enum):
    """Oldest or smallest first, or last; null is the smallest."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.input(description="A span of time.")
class TimeRange:
    """Half open, so that spans join without a gap."""

    since: datetime | None = strawberry.field(default=None, name="from", description="This moment or later.")
    before: datetime | None = strawberry.field(default=None, description="Earlier than this moment.")


@dataclass(frozen=True, kw_only=True)
class Ordering:
    """By which column a list runs, which way, and what a cursor over it holds beside the id."""

    column: str = "id"
    descending: bool = False
    holds: type = UUID
    nullable: bool = False


@dataclass(frozen=True, kw_only=True)
class Part:
    """One field of a filter input: its GraphQL type and the conditions that its value means."""

    annotation: Any
    description: str
    conditions: Callable[[Any], list[Condition]]


@dataclass(frozen=True)
class InputOf(LazyType[Any, Any]):
    """An input made for the type of this name once every type is known."""

    module: str = "schema.types"
    make: Callable[[str], type] = type

    def resolve_type(self) -> type[Any]:
        """The same class each time."""
        return self.make(self.type_name)


def _type(target: str) -> type[Node]:
    type_: type[Node] = importlib.import_module("schema.types").TYPES[target][0]
    return type_


@cache
def filter_of(target: str) -> type:
    """The input ``<Type>Filter``."""
    return _input(
        f"{target}Filter",
        "Which ones; all that is given must match, and of a list any value.",
        {name: (part.annotation | None, None, part.description) for name, part in _parts(target).items()},
    )


@cache
def order_of(target: str) -> type:
    """The input ``<Type>Order``."""
    names = ("created_at", *_type(target).listing.order)
    members = Enum(f"{target}OrderField", {name.upper(): name for name in names})  # type: ignore[misc]  # made from data
    told = strawberry.enum(members, description="By what; CREATED_AT is the order in which they were made.")
    fields = {
        "field": (told, strawberry.UNSET, "By what."),
        "direction": (Direction, Direction.ASC, "Which way."),
    }
    return _input(f"{target}Order", "In which order.", fields)


def narrowed(target: str, filter: Any, order_by: Any) -> tuple[tuple[Condition, ...], Ordering]:
    """What a filter and an ordering mean in columns; InvalidInput names what cannot be."""
    type_ = _type(target)
    where: list[Condition] = []
    for field, part in _parts(target).items() if filter is not None else ():
        value = getattr(filter, field)
        if value is not None:
            where += part.conditions(value)
    name: str | None = type_.listing.default if order_by is None else order_by.field.value
    descending = order_by is not None and order_by.direction is Direction.DESC
    if name is None or name == "created_at":
        return tuple(where), Ordering(descending=descending)
    source = sources(type_)[name]
    assert isinstance(source, Column)
    kind, nullable = _annotation(type_, name)
    holds = kind if kind in (int, datetime) else str
    return tuple(where), Ordering(column=source.name, descending=descending, holds=holds, nullable=nullable)


def _input(name: str, description: str, fields: dict[str, tuple[Any, Any, str]]) -> type:
    namespace: dict[str, Any] = {"__annotations__": {field: told[0] for field, told in fields.items()}}
    for field, (_, default, text) in fields.items():
        options = {} if default is strawberry.UNSET else {"default": default}
        namespace[field] = strawberry.field(description=text, **options)
    return strawberry.input(type(name, (), namespace), description=description)


@cache
def _parts(target: str) -> dict[str, Part]:
    type_ = _type(target)
    parts = dict(_equal(type_, name) for name in type_.listing.filter)
    for name in type_.listing.contains:
        parts[f"{name}_contains"] = _containing(name, sources(type_)[name])
    parts["created_at"] = _within("created_at", "created_at")
    return parts


def _equal(type_: type[Node], name: str) -> tuple[str, Part]:
    source = sources(type_)[name]
    if isinstance(source, ToOne):
        return f"{name}_id", _ids(f"{name}_id", source.column, source.target)
    if isinstance(source, IdColumn):
        return name, _ids(name, source.name, source.target)
    assert isinstance(source, Column)
    kind, _ = _annotation(type_, name)
    if kind is datetime:
        return name, _within(name, source.name)
    if kind is bool:
        return name, Part(
            annotation=bool,
            description="Whether it is.",
            conditions=lambda value: [Condition(source.name, Compare.IS, value)],
        )
    return name, Part(
        annotation=list[kind],  # type: ignore[valid-type]  # made from data
        description="Any of these values.",
        conditions=lambda values: [_any_of(name, source.name, [_plain(value, name) for value in values])],
    )


def _ids(name: str, column: str, target: str) -> Part:
    field = _camel(name)
    return Part(
        annotation=list[strawberry.ID],
        description="Any of these ids.",
        conditions=lambda values: [
            _any_of(name, column, [id_of(value, target, f"filter.{field}") for value in values])
        ],
    )


def _any_of(name: str, column: str, values: list[object]) -> Condition:
    if len(values) > MOST_VALUES:
        field = f"filter.{_camel(name)}"
        raise InvalidInput(f"{field} has {len(values)} values: at most {MOST_VALUES} would pass", field=field)
    return Condition(column, Compare.ONE_OF, tuple(values))


def _containing(name: str, source: Any) -> Part:
    field = f"filter.{_camel(name)}Contains"
    return Part(
        annotation=str,
        description="A part of it, whatever its case.",
        conditions=lambda text: [Condition(source.name, Compare.CONTAINS, words(text, field, most=LONGEST_TEXT))],
    )


def _within(name: str, column: str) -> Part:
    def conditions(span: TimeRange) -> list[Condition]:
        ends = ((Compare.FROM, span.since), (Compare.BEFORE, span.before))
        return [Condition(column, compare, end) for compare, end in ends if end is not None]

    return Part(annotation=TimeRange, description="Within this span.", conditions=conditions)


def _plain(value: Any, name: str) -> object:
    if isinstance(value, Enum):
        return value.value
    return words(value, f"filter.{_camel(name)}", most=LONGEST_TEXT) if isinstance(value, str) else value


def _annotation(type_: type[Node], name: str) -> tuple[Any, bool]:
    """What the field holds, and whether it can be null."""
    definition: Any = type_.__strawberry_definition__  # type: ignore[attr-defined]  # set by the decorator
    field = next(field for field in definition.fields if field.python_name == name)
    annotation = field.type_annotation.raw_annotation
    options = get_args(annotation) if type(None) in get_args(annotation) else (annotation,)
    return options[0], len(options) > 1


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
