"""What an update may leave alone: absent keeps a value, null clears it where that is possible."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeVar

from services.errors import InvalidInput

T = TypeVar("T")


class Keep(Enum):
    """The value of a field that the client did not name."""

    KEEP = "KEEP"


KEEP: Final = Keep.KEEP


def required(value: T | None, field: str) -> T:
    """The value; InvalidInput when it was given as null and cannot be without."""
    if value is None:
        raise InvalidInput(f"{field} cannot be cleared: leave it out to keep it", field=field)
    return value


def apply(row: Any, wanted: Mapping[str, object]) -> tuple[str, ...]:
    """Sets what is wanted and not KEEP; answers the names of what is another value now."""
    changed = tuple(name for name, value in wanted.items() if value is not KEEP and value != getattr(row, name))
    for name in changed:
        setattr(row, name, wanted[name])
    return changed
