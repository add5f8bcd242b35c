"""The errors that users see.

SlipwayError
├── NotFound            NOT_FOUND             absent, another tenant's or out of sight: all the same
├── InvalidInput        INVALID_INPUT         says what, where and what would pass
├── InvalidCursor       INVALID_CURSOR        no place of this tenant's stream
├── Lagged              LAGGED                the reader of a stream was too slow: resume from the cursor
├── Conflict            CONFLICT              the world moved: refetch and retry
├── IdempotencyMismatch IDEMPOTENCY_MISMATCH  the key was used with another content
├── PreconditionFailed  PRECONDITION_FAILED   the state does not allow it
├── PolicyDenied        POLICY_DENIED         a rule of the tenant forbids it
├── Forbidden           FORBIDDEN             the token lacks a scope
├── QuotaExceeded       QUOTA_EXCEEDED        more than the tenant may keep at once
├── ProviderDown        PROVIDER_UNAVAILABLE  try again later; the database too
└── ProviderRefused     PROVIDER_REJECTED     trying again will not help
"""

from typing import ClassVar

from storage.errors import StorageError, Unavailable, UniqueViolation


class SlipwayError(Exception):
    """A failure that was foreseen; ``field`` is the input it is about, ``help`` what would make it pass."""

    code: ClassVar[str] = "INVALID_INPUT"
    retryable: ClassVar[bool] = False
    cursor: str | None = None

    def __init__(self, message: str, *, field: str | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.help = help


class NotFound(SlipwayError):
    """Absent, foreign and out of sight look the same."""

    code = "NOT_FOUND"


class InvalidInput(SlipwayError):
    """The input can never pass as it is."""


class InvalidCursor(SlipwayError):
    """Malformed, or of a place that the stream has not reached."""

    code = "INVALID_CURSOR"


class Lagged(SlipwayError):
    """Ends a subscription whose reader was too slow; ``cursor`` is where it goes on without a gap."""

    code = "LAGGED"
    retryable = True

    def __init__(self, cursor: str) -> None:
        super().__init__(f"more events came than are kept for a slow reader: subscribe again after {cursor!r}")
        self.cursor = cursor


class Conflict(SlipwayError):
    """The world moved between the reading and the writing."""

    code = "CONFLICT"
    retryable = True


class IdempotencyMismatch(SlipwayError):
    """A key that was used before came with another content."""

    code = "IDEMPOTENCY_MISMATCH"


class PreconditionFailed(SlipwayError):
    """The state of the node does not allow the command."""

    code = "PRECONDITION_FAILED"


class PolicyDenied(SlipwayError):
    """A rule forbids it to this identity."""

    code = "POLICY_DENIED"


class Forbidden(SlipwayError):
    """The token lacks the scope."""

    code = "FORBIDDEN"


class QuotaExceeded(SlipwayError):
    """The tenant keeps as much as it may; some of it goes by itself."""

    code = "QUOTA_EXCEEDED"
    retryable = True


class ProviderDown(SlipwayError):
    """A provider does not answer."""

    code = "PROVIDER_UNAVAILABLE"
    retryable = True


class ProviderRefused(SlipwayError):
    """A provider refused for good."""

    code = "PROVIDER_REJECTED"


def absent(kind: str, name: str, *, field: str | None = None) -> NotFound:
    """The one wording for what cannot be seen, whatever the reason."""
    return NotFound(f"{kind} {name[:120]!r} does not exist or is out of your sight", field=field)


def of_storage(error: StorageError) -> SlipwayError | None:
    """What users see of storage's refusal; None for a defect of ours."""
    if isinstance(error, UniqueViolation):
        field = "name" if error.constraint.endswith("_name") else None
        return Conflict(f"{field or 'it'} is taken already: choose another or use the one that stands", field=field)
    if isinstance(error, Unavailable):
        return ProviderDown(f"{error}: try again, a command with its idempotencyKey")
    return None
