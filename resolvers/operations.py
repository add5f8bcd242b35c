"""How one operation is carried out, whatever transport brought it: document, variables, cost, execution, errors."""

import asyncio
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

import orjson
from graphql import ExecutionResult, OperationType
from graphql.execution import default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from resolvers.context import Context
from resolvers.documents import Document, Documents
from resolvers.masking import graphql_schema, told
from resolvers.refusals import Code, Refused
from resolvers.requests import GraphqlRequest
from schema.limits import Limits

Executor = StrawberryGraphQLCoreExecutionContext
_SCHEMA: Final = graphql_schema._schema


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is told of an execution; a null ``data`` is told too."""

    data: dict[str, Any] | None
    errors: list[dict[str, Any]]

    def encode(self) -> bytes:
        """JSON, errors first so that they are seen."""
        body = {"errors": self.errors, "data": self.data} if self.errors else {"data": self.data}
        return orjson.dumps(body, default=str)


class Operations:
    """Executes queries and mutations; a transport of subscriptions takes ``document`` and ``executor`` and goes on."""

    def __init__(self, limits: Limits, *, introspection: bool = True) -> None:
        self.limits = limits
        self.documents = Documents(_SCHEMA, limits, introspection=introspection)

    def document(self, request: GraphqlRequest) -> Document:
        """The operation within every limit; Refused otherwise."""
        document = self.documents.get(request.query, request.operation_name)
        if request.queries_only and document.kind is OperationType.MUTATION:
            raise Refused(Code.METHOD_NOT_ALLOWED, "a mutation is not taken over GET: send it with POST")
        self.documents.check_cost(document, request.variables)
        return document

    def executor(self, document: Document, request: GraphqlRequest, context: Context) -> Executor:
        """Ready to be executed in the caller's name; Refused when the variables do not fit their types."""
        return Executor(
            _SCHEMA,
            document.fragments,
            {name: FragmentDetails(fragment, None) for name, fragment in document.fragments.items()},
            None,
            context,
            document.operation,
            self._variables(document, request),
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            hide_suggestions=True,
            operation_extensions=request.extensions,
        )

    async def execute(self, document: Document, request: GraphqlRequest, context: Context) -> Answer:
        """The answer of a query or mutation; Refused when it takes too long."""
        executor = self.executor(document, request, context)
        seconds = self.limits.operation_ms / 1000
        try:
            async with asyncio.timeout(seconds):
                result: Any = executor.execute_operation()
                if isawaitable(result):
                    result = await result
        except TimeoutError as error:
            message = f"the operation took longer than {self.limits.operation_ms} ms and was given up"
            raise Refused(Code.TIMED_OUT, message, limit="operationMs", bound=self.limits.operation_ms) from error
        return self.answer(result, context)

    def answer(self, result: ExecutionResult, context: Context) -> Answer:
        """A result with its errors masked and bounded."""
        errors = told(result.errors, context.correlation_id, self.limits.errors) if result.errors else []
        return Answer(result.data, errors)

    def _variables(self, document: Document, request: GraphqlRequest) -> VariableValues:
        definitions = document.operation.variable_definitions or ()
        coerced = get_variable_values(
            _SCHEMA, definitions, request.variables, max_errors=self.limits.errors - 1, hide_suggestions=True
        )
        if isinstance(coerced, list):
            code = Code.INVALID_VARIABLES
            raise Refused.with_errors(code, [{**error.formatted, "extensions": {"code": code}} for error in coerced])
        return coerced
