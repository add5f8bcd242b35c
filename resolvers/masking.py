"""The executable schema, and how errors are told: the foreseen in their words, others masked, logged and with an id."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from resolvers.refusals import Code
from resolvers.root import Mutation, Query
from resolvers.subscriptions import Subscription
from schema.scalars import SCALARS
from services.errors import SlipwayError, of_storage
from storage.errors import StorageError

_log = structlog.get_logger()


def told(errors: Sequence[GraphQLError], correlation_id: str, bound: int) -> list[dict[str, Any]]:
    """At most ``bound`` errors of an execution, as a client is told them; the unexpected are logged with their id."""
    return [_told(error, correlation_id) for error in errors[:bound]]


def _told(error: GraphQLError, correlation_id: str) -> dict[str, Any]:
    cause = _cause(error)
    if isinstance(cause, StorageError):
        cause = of_storage(cause) or cause
    formatted: dict[str, Any] = dict(error.formatted)
    if cause is None:
        return formatted | {"extensions": {"code": Code.GRAPHQL_VALIDATION_FAILED, **(error.extensions or {})}}
    if isinstance(cause, SlipwayError):
        about = {"field": cause.field, "help": cause.help, "cursor": cause.cursor}
        known = {name: value for name, value in about.items() if value is not None}
        return formatted | {"message": cause.message, "extensions": {"code": cause.code, **known}}
    error_id = uuid4().hex
    _log.error("unexpected error", errorId=error_id, correlationId=correlation_id, path=error.path, exc_info=cause)
    extensions = {"code": Code.INTERNAL, "id": error_id}
    return formatted | {"message": f"Internal error {error_id}", "extensions": extensions}


def _cause(error: GraphQLError) -> Exception | None:
    """What a resolver raised beneath graphql-core's own wrapping; None for an error of the request itself."""
    cause: Exception | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


graphql_schema = strawberry.Schema(
    query=Query, mutation=Mutation, subscription=Subscription, config=StrawberryConfig(scalar_map=SCALARS)
)
