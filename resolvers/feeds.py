"""A subscription as it is sent: each event is executed and encoded once for all that ask the same of it."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import orjson
from graphql import FieldNode, GraphQLError, Node, OperationDefinitionNode, VariableNode, Visitor, visit
from graphql.execution import ExecutionResult, create_source_event_stream

from resolvers.context import Context
from resolvers.documents import Document
from resolvers.masking import told
from resolvers.operations import Executor, Operations
from resolvers.refusals import Code, Refused
from resolvers.requests import GraphqlRequest
from resolvers.streams import Moment, Stream

KEPT: Final = 8_388_608  # characters of encoded results, and what an entry costs besides
ENTRY: Final = 512


class Once:
    """Makes a text once per key, also while it is being made; the oldest are let go first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._size = 0
        self._done: OrderedDict[Hashable, str] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[str]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[str]]) -> str:
        """The text of the key; what ``make`` raises is raised to everybody who waits for it, and is not kept."""
        found = self._done.get(key)
        if found is not None:
            return found
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[str]]) -> str:
        try:
            text = await make()
        finally:
            del self._making[key]
        self._done[key] = text
        self._size += len(text) + ENTRY
        while self._size > self._kept:
            _, old = self._done.popitem(last=False)
            self._size -= len(old) + ENTRY
        return text


class Feeds:
    """Opens subscriptions; ``executed`` counts the results that were made, however many they were sent to.

    What a field below a subscription answers depends on the caller's grants at most, never on who that is.
    """

    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self.once = Once()
        self.executed = 0

    async def open(self, document: Document, request: GraphqlRequest, context: Context) -> "Feed":
        """The subscription, started; Refused when its arguments are."""
        executor = self.operations.executor(document, request, context)
        source: Any = create_source_event_stream(executor)
        if isinstance(source, Awaitable):
            source = await source
        if isinstance(source, ExecutionResult):
            raise self.refused(source.errors or [], context)
        shape = (document, _asked(document, request.variables), context.actor.grants, source.about)
        return Feed(self, executor, source, context, shape)

    def refused(self, errors: list[GraphQLError], context: Context) -> Refused:
        """Errors that end a subscription, as they are told."""
        return Refused.with_errors(
            Code.BAD_REQUEST, told(errors, context.correlation_id, self.operations.limits.errors)
        )


class Feed:
    """One subscriber's results, encoded."""

    def __init__(
        self, feeds: Feeds, executor: Executor, stream: Stream[Any], context: Context, shape: Hashable
    ) -> None:
        self._feeds = feeds
        self._executor = executor
        self._stream = stream
        self._context = context
        self._shape = shape

    @property
    def cursor(self) -> str:
        """Where to resume once what was taken is sent."""
        return self._stream.cursor

    async def results(self) -> AsyncGenerator[tuple[str, str], None]:
        """(cursor, JSON of the result) of each event, without an end; Refused when there is one."""
        try:
            async with aclosing(self._stream.moments()) as moments:
                async for moment in moments:
                    execute = partial(self._execute, moment)
                    if moment.event:
                        yield moment.cursor, await self._feeds.once.get((self._shape, moment.sequence), execute)
                    else:
                        yield moment.cursor, await execute()
        except Exception as error:  # whatever ends a stream is told as an execution's errors are: masked, with an id
            cause = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
            raise self._feeds.refused([cause], self._context) from error

    async def _execute(self, moment: Moment[Any]) -> str:
        async with asyncio.timeout(self._feeds.operations.limits.operation_ms / 1000):
            executor = self._executor.build_per_event_executor(await moment.value())
            result: Any = executor.execute_operation(False)
            if isinstance(result, Awaitable):
                result = await result
        self._feeds.executed += 1
        return self._feeds.operations.answer(result, self._context).encode().decode()


class _Variables(Visitor):
    """Collects the names of the variables beneath a node."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """Of a definition or of a use."""
        self.names.add(node.name.value)


def _asked(document: Document, variables: dict[str, Any]) -> bytes:
    """The variables that the answer to one event depends on: all but those that only say which events are wanted."""
    seen = _Variables()
    for node in (*_beneath(document.operation), *document.fragments.values()):
        visit(node, seen)
    return orjson.dumps({name: variables.get(name) for name in sorted(seen.names)}, option=orjson.OPT_SORT_KEYS)


def _beneath(operation: OperationDefinitionNode) -> tuple[Node, ...]:
    field, *more = operation.selection_set.selections
    if more or not isinstance(field, FieldNode) or field.selection_set is None:
        return (operation,)
    return (*(field.directives or ()), field.selection_set)
