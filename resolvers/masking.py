"""The executable schema, and how errors are told: the foreseen in their words, others masked, logged and with an id."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import MaskErrors, MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from resolvers.refusals import Code
from resolvers.root import Mutation, Query
from resolvers.subscriptions import Subscription
from schema.scalars import SCALARS
from services.errors import SlipwayError

_log = structlog.get_logger()


def told(errors: Sequence[GraphQLError], correlation_id: str, bound: int) -> list[dict[str, Any]]:
    """At most ``bound`` errors of an execution, as a client is told them; the unexpected are logged with their id."""
    return [_told(error, correlation_id) for error in errors[:bound]]


def _told(error: GraphQLError, correlation_id: str) -> dict[str, Any]:
    cause = _cause(error)
    formatted: dict[str, Any] = dict(error.formatted)
    if cause is None:
        return formatted | {"extensions": {"code": Code.GRAPHQL_VALIDATION_FAILED, **(error.extensions or {})}}
    if isinstance(cause, SlipwayError):
        about = {"field": cause.field, "help": cause.help}
        known = {name: value for name, value in about.items() if value is not None}
        return formatted | {"message": cause.message, "extensions": {"code": cause.code, **known}}
    error_id = uuid4().hex
    _log.error("unexpected error", error_id=error_id, correlation_id=correlation_id, path=error.path, exc_info=cause)
    extensions = {"code": Code.INTERNAL, "id": error_id}
    return formatted | {"message": f"Internal error {error_id}", "extensions": extensions}


def _cause(error: GraphQLError) -> Exception | None:
    """What a resolver raised beneath graphql-core's own wrapping; None for an error of the request itself."""
    cause: Exception | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


class GraphqlSchema(strawberry.Schema):
    """Logs what was not foreseen, without the client seeing it."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Only unexpected errors are worth an operator's attention."""
        for error in errors:
            if _unexpected(error):
                _log.error("unexpected error", path=error.path, exc_info=error.original_error)


def _unexpected(error: GraphQLError) -> bool:
    cause: Any = error.original_error
    return cause is not None and not isinstance(cause, SlipwayError | GraphQLError)


class Codes(MaskErrors):
    """Masks the unexpected, and gives the foreseen their code."""

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        """The id is in the log beside the real error."""
        error_id = uuid4().hex
        _log.error("masked", error_id=error_id, error=str(error.original_error))
        return GraphQLError(f"Internal error {error_id}", path=error.path, extensions={"code": "INTERNAL"})


def _with_code(error: GraphQLError) -> bool:
    if isinstance(error.original_error, SlipwayError):
        error.extensions = {"code": error.original_error.code}
    return _unexpected(error)


graphql_schema = GraphqlSchema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
    extensions=[
        lambda: Codes(should_mask_error=_with_code),
        lambda: MaxTokensLimiter(max_token_count=2_000),
        lambda: MaxAliasesLimiter(max_alias_count=15),
        lambda: QueryDepthLimiter(max_depth=16),
    ],
)
