"""What every event of the catalogue is, and how it is handed to the unit of work."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import ClassVar
from uuid import UUID

from storage.access import NewEvent
from storage.ids import public_id
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class Event:
    """Fields are the payload; an id's field metadata names its type with ``of``."""

    subject: ClassVar[str]
    schema_version: ClassVar[int] = 1


def record(
    uow: UnitOfWork,
    event: Event,
    *,
    subject_id: UUID,
    project_id: UUID | None = None,
    module_id: UUID | None = None,
    trace_id: str | None = None,
    tenant_id: UUID | None = None,
) -> None:
    """Buffers the event in the unit of work, its payload in camelCase with outward ids."""
    uow.append(
        NewEvent(
            event_type=type(event).__name__,
            schema_version=event.schema_version,
            subject_type=event.subject,
            subject_id=subject_id,
            payload=payload(event),
            project_id=project_id,
            module_id=module_id,
            trace_id=trace_id,
            tenant_id=tenant_id,
        )
    )


def payload(event: Event) -> dict[str, object]:
    """The JSON of an event's fields."""
    told = ((outward(field.name), getattr(event, field.name), field.metadata.get("of")) for field in fields(event))
    return {name: _plain(value, of) for name, value, of in told}


def outward(name: str) -> str:
    """A field's name in the JSON."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _plain(value: object, of: str | None) -> object:
    if isinstance(value, UUID):
        if of is None:
            raise TypeError("an id in an event needs the name of its type")
        return public_id(of, value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, tuple | list):
        return [_plain(item, of) for item in value]
    return value
