"""The rules: opening hours, seats, and no two parties at one table."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

OPENS, CLOSES = 12, 23
SEATS = {1: 2, 2: 4, 3: 8}


class Refused(Exception):
    """Why a table cannot be had."""


@dataclass(frozen=True)
class Reservation:
    """One party at one table; ``start`` is local time, ``hours`` whole."""

    table: int
    guests: int
    start: datetime
    hours: int

    @property
    def end(self) -> datetime:
        """When the table is free again."""
        return self.start + timedelta(hours=self.hours)

    def as_json(self) -> dict[str, object]:
        """With the start as ISO text."""
        return asdict(self) | {"start": self.start.isoformat(timespec="minutes")}


@dataclass
class Book:
    """What is booked."""

    entries: list[Reservation] = field(default_factory=list)

    def reserve(self, wanted: Reservation) -> Reservation:
        """Books it; Refused says why not."""
        if wanted.table not in SEATS:
            raise Refused(f"there is no table {wanted.table}")
        if not 1 <= wanted.guests <= SEATS[wanted.table]:
            raise Refused(f"table {wanted.table} seats {SEATS[wanted.table]}")
        if wanted.hours < 1 or wanted.start.hour < OPENS or wanted.end > wanted.start.replace(hour=CLOSES, minute=0):
            raise Refused(f"open from {OPENS} to {CLOSES}")
        for entry in self.entries:
            if entry.table == wanted.table and entry.start < wanted.end and wanted.start < entry.end:
                raise Refused(f"table {wanted.table} is taken until {entry.end:%H:%M}")
        self.entries.append(wanted)
        return wanted
