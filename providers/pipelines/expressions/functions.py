"""The functions of expressions that need nothing but their values."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.expressions.formatting import filled
from providers.pipelines.expressions.syntax import Arity
from providers.pipelines.expressions.values import (
    NotConvertible,
    Value,
    Version,
    is_array,
    is_object,
    kind_of,
    like,
    same,
    to_boolean,
    to_json,
    to_number,
    to_string,
)

Function = Callable[[Sequence[Value]], Value]


def _compared(left: Value, right: Value) -> int:
    """Below, at or above 0; the right one is made of the left one's type first."""
    right = like(left, right)
    match left, right:
        case (str(), str()):
            first, second = left.upper(), right.upper()
            return (first > second) - (first < second)
        case (bool() | Decimal(), bool() | Decimal()):
            return (left > right) - (left < right)
        case (Version(), Version()):
            return (left > right) - (left < right)
    raise NotConvertible(left, "a value that has an order")


def _contains(values: Sequence[Value]) -> Value:
    return to_string(values[1]).casefold() in to_string(values[0]).casefold()


def _contains_value(values: Sequence[Value]) -> Value:
    within, wanted = values
    return any(same(wanted, item) for item in _items(within))


def _items(value: Value) -> Sequence[Value]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _join(values: Sequence[Value]) -> Value:
    separator, items = to_string(values[0]), values[1]
    if not is_array(items):
        return to_string(items)
    return separator.join("" if is_array(item) or is_object(item) else to_string(item) for item in _items(items))


def _split(values: Sequence[Value]) -> Value:
    text, separators = to_string(values[0]), to_string(values[1])
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return text.split(separators[0]) if separators else [text]


def _length(values: Sequence[Value]) -> Value:
    (value,) = values
    return Decimal(len(_items(value) if is_array(value) or is_object(value) else to_string(value)))


def _substring(values: Sequence[Value]) -> Value:
    text, start = to_string(values[0]), int(to_number(values[1]))
    count = int(to_number(values[2])) if len(values) == 3 else max(len(text) - start, 0)
    if not 0 <= start <= len(text) or count < 0 or start + count > len(text):
        raise ExpressionError(f"substring({start}, {count}) is not within a text of {len(text)} characters")
    return text[start : start + count]


def _replace(values: Sequence[Value]) -> Value:
    text, old, new = map(to_string, values)
    if not old:
        raise ExpressionError("replace needs something to look for: its second value is empty")
    return text.replace(old, new)


def _format(values: Sequence[Value]) -> Value:
    for value in values[1:]:
        if is_array(value) or is_object(value):
            raise ExpressionError(f"format cannot show {kind_of(value)}: use convertToJson")
    return filled(
        to_string(values[0]), [value if isinstance(value, datetime) else to_string(value) for value in values[1:]]
    )


FUNCTIONS: Final[Mapping[str, tuple[Arity, Function]]] = {
    "not": ((1, 1), lambda v: not to_boolean(v[0])),
    "xor": ((2, 2), lambda v: to_boolean(v[0]) != to_boolean(v[1])),
    "eq": ((2, 2), lambda v: same(v[0], v[1])),
    "ne": ((2, 2), lambda v: not same(v[0], v[1])),
    "gt": ((2, 2), lambda v: _compared(v[0], v[1]) > 0),
    "ge": ((2, 2), lambda v: _compared(v[0], v[1]) >= 0),
    "lt": ((2, 2), lambda v: _compared(v[0], v[1]) < 0),
    "le": ((2, 2), lambda v: _compared(v[0], v[1]) <= 0),
    "in": ((2, None), lambda v: any(same(v[0], item) for item in v[1:])),
    "notin": ((2, None), lambda v: not any(same(v[0], item) for item in v[1:])),
    "contains": ((2, 2), _contains),
    "containsvalue": ((2, 2), _contains_value),
    "startswith": ((2, 2), lambda v: to_string(v[0]).casefold().startswith(to_string(v[1]).casefold())),
    "endswith": ((2, 2), lambda v: to_string(v[0]).casefold().endswith(to_string(v[1]).casefold())),
    "iif": ((3, 3), lambda v: v[1] if to_boolean(v[0]) else v[2]),
    "format": ((1, None), _format),
    "join": ((2, 2), _join),
    "split": ((2, 2), _split),
    "replace": ((3, 3), _replace),
    "lower": ((1, 1), lambda v: to_string(v[0]).lower()),
    "upper": ((1, 1), lambda v: to_string(v[0]).upper()),
    "trim": ((1, 1), lambda v: to_string(v[0]).strip()),
    "length": ((1, 1), _length),
    "substring": ((2, 3), _substring),
    "converttojson": ((1, 1), lambda v: to_json(v[0])),
}
SHORT_CIRCUIT: Final[Mapping[str, Arity]] = {"and": (2, None), "or": (2, None), "coalesce": (2, None)}
