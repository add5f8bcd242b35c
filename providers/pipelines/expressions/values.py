"""Values of expressions and how one type becomes another, as Azure Pipelines converts them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

Value: TypeAlias = "bool | Decimal | str | Version | datetime | Sequence[Value] | Mapping[str, Value] | None"
LARGEST_PART: Final = 2**31 - 1
_NUMBER: Final = re.compile(r"0[xX](?P<hex>[0-9a-fA-F]{1,16})|(?P<decimal>[-+]?(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+))")


class NotConvertible(Exception):
    """A value that has no counterpart in the wanted type."""

    def __init__(self, value: Value, wanted: str) -> None:
        super().__init__(f"{told(value)} is {kind_of(value)} and cannot be made {wanted}")


class Closed(dict[str, Value]):
    """A mapping of which a key that it does not have is a mistake, not null."""


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """Two to four whole numbers, compared from the left; a part that is absent is less than 0."""

    parts: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.parts))


def version_of(text: str) -> Version | None:
    """The version that the text spells, or None."""
    parts = text.split(".")
    if not 2 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    numbers = tuple(map(int, parts))
    return Version(numbers) if max(numbers) <= LARGEST_PART else None


def number_of(text: str) -> Decimal | None:
    """The number that the text spells (decimal, or hexadecimal after 0x), or None."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    return Decimal(int(match["hex"], 16)) if match["hex"] else Decimal(match["decimal"].replace(",", ""))


def to_boolean(value: Value) -> bool:
    """Null, zero and the empty string are false."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, Decimal):
        return value != 0
    return value != ""


def to_string(value: Value) -> str:
    """NotConvertible for arrays and objects."""
    match value:
        case None:
            return ""
        case bool():
            return "True" if value else "False"
        case str():
            return value
        case Decimal():
            return format(value.normalize(), "f") if value else "0"
        case Version():
            return str(value)
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S+00:00")
    raise NotConvertible(value, "a string")


def to_number(value: Value) -> Decimal:
    """NotConvertible when it spells no number."""
    if value is None or value == "":
        return Decimal(0)
    if isinstance(value, bool):
        return Decimal(int(value))
    number = value if isinstance(value, Decimal) else number_of(value) if isinstance(value, str) else None
    if number is None:
        raise NotConvertible(value, "a number")
    return number


def to_version(value: Value) -> Version:
    """NotConvertible when it spells no version."""
    if isinstance(value, Version):
        return value
    text = to_string(value) if isinstance(value, str | Decimal) else ""
    version = version_of(text)
    if version is None:
        raise NotConvertible(value, "a version")
    return version


def like(model: Value, value: Value) -> Value:
    """The value as the model's type; NotConvertible when it has no counterpart there."""
    match model:
        case bool():
            return to_boolean(value)
        case Decimal():
            return to_number(value)
        case str() | datetime():
            return to_string(value)
        case Version():
            return to_version(value)
        case None if value is None or value == "":
            return None
    raise NotConvertible(value, kind_of(model))


def same(left: Value, right: Value) -> bool:
    """Equal once the right one is of the left one's type; text without regard to case."""
    if is_array(left) or is_object(left):
        return left is right
    try:
        right = like(left, right)
    except NotConvertible:
        return False
    if isinstance(left, str | datetime):
        return to_string(left).casefold() == to_string(right).casefold()
    return left == right


def is_array(value: Value) -> bool:
    """A sequence that is not text."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def is_object(value: Value) -> bool:
    """A mapping."""
    return isinstance(value, Mapping)


def kind_of(value: Value) -> str:
    """The type as a sentence names it."""
    names = {bool: "a boolean", Decimal: "a number", str: "a string", Version: "a version", datetime: "a time"}
    if value is None:
        return "null"
    return names.get(type(value)) or ("an object" if is_object(value) else "an array")


def told(value: Value) -> str:
    """The value as a person reads it in a message, shortened."""
    if isinstance(value, str):
        text = value.replace("'", "''")
        return f"'{text if len(text) <= 200 else text[:197] + '...'}'"
    if value is None:
        return "null"
    if is_array(value) or is_object(value):
        text = to_json(value, indent=None)
        return text if len(text) <= 200 else text[:197] + "..."
    return to_string(value)


def to_json(value: Value, *, indent: int | None = 2) -> str:
    """JSON with members in their order."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False)


def _plain(value: Value) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if value is None or isinstance(value, bool) else to_string(value)
