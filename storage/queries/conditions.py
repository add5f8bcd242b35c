"""What a list is narrowed to, as data: a column, how it is compared, and with what."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import and_, literal, or_, tuple_

from storage.tables.scoped import TenantScoped


class Compare(Enum):
    """How a column is compared; text is found whatever its case."""

    IS = "IS"
    ONE_OF = "ONE_OF"
    FROM = "FROM"
    BEFORE = "BEFORE"
    CONTAINS = "CONTAINS"


@dataclass(frozen=True, slots=True)
class Condition:
    """The column compared with the value; for ONE_OF a tuple of values."""

    column: str
    compare: Compare
    value: object


def conditions(kind: type[TenantScoped], where: Iterable[Condition]) -> list[Any]:
    """The WHERE terms of these conditions on the type's table."""
    return [_term(getattr(kind, condition.column), condition) for condition in where]


def _term(column: Any, condition: Condition) -> Any:
    value = condition.value
    match condition.compare:
        case Compare.IS:
            return column == value
        case Compare.ONE_OF:
            return column.in_(value)
        case Compare.FROM:
            return column >= value
        case Compare.BEFORE:
            return column < value
        case Compare.CONTAINS:
            return column.icontains(value, autoescape=True)


def beyond(order: Any, key: Any, last: tuple[object, object], *, descending: bool, nullable: bool) -> Any:
    """The term for what comes after the (value, id) in this order; nulls are the smallest values."""
    value, row_id = last
    if not nullable:
        here, there = tuple_(order, key), tuple_(literal(value, order.type), literal(row_id, key.type))
        return here < there if descending else here > there
    further = key < row_id if descending else key > row_id
    if value is None:
        rest = and_(order.is_(None), further)
        return rest if descending else or_(rest, order.is_not(None))
    ahead = or_(order < value, order.is_(None)) if descending else order > value
    return or_(ahead, and_(order == value, further))
