"""What every mutation takes and answers."""

from typing import Any

import strawberry

from schema.errors import UserError
from schema.events import Event
from services.changes import KEEP


@strawberry.input(description="What every command may carry.")
class Command:
    """A repeat with the same key and content answers the committed outcome again."""

    idempotency_key: str | None = strawberry.field(
        default=None, description="Yours, 1 to 200 characters; kept 7 days per identity."
    )
    trace_id: str | None = strawberry.field(default=None, description="32 hex digits; made when absent.")


@strawberry.type(description="What every command answers.")
class Payload:
    """Foreseen failures are ``errors`` with the node null."""

    events: list[Event] = strawberry.field(description="The envelopes that were written, in order.")
    errors: list[UserError] = strawberry.field(description="Why nothing was done; empty when it was.")


def given(value: Any) -> Any:
    """A field of an update: KEEP when it is absent, so that null can clear."""
    return KEEP if value is strawberry.UNSET else value
