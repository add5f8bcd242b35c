"""Failures that were foreseen, as data."""

from enum import Enum

import strawberry

from services.errors import SlipwayError


@strawberry.enum(description="Why a command was refused; a closed list.")
class ErrorCode(Enum):
    """The same codes everywhere."""

    NOT_FOUND = "NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    CONFLICT = "CONFLICT"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    PRECONDITION_FAILED = "PRECONDITION_FAILED"
    POLICY_DENIED = "POLICY_DENIED"
    FORBIDDEN = "FORBIDDEN"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_REJECTED = "PROVIDER_REJECTED"


@strawberry.type(description="One foreseen failure of a command.")
class UserError:
    """What, where and what would pass."""

    code: ErrorCode = strawberry.field(description="Stable code.")
    message: str = strawberry.field(description="What is wrong and what would pass.")
    field: str | None = strawberry.field(description="The input field it is about.")
    retryable: bool = strawberry.field(description="Whether the same command may pass later.")
    help: str | None = strawberry.field(description="What would make it pass, a mutation where there is one.")


def user_error(error: SlipwayError) -> UserError:
    """The error as data."""
    return UserError(
        code=ErrorCode(error.code), message=error.message, field=error.field, retryable=error.retryable, help=error.help
    )
