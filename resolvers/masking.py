"""The executable schema: foreseen failures keep their words, unexpected ones are masked, logged and carry an id."""

from typing import Any
from uuid import uuid4

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import MaskErrors, MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from resolvers.root import Mutation, Query, Subscription
from schema.scalars import SCALARS
from services.errors import SlipwayError

_log = structlog.get_logger()


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
