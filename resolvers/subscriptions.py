"""The schema's subscriptions; each answers a stream."""

from collections.abc import AsyncIterator
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.run_streams import follow_log, watch_run
from resolvers.streams import Stream, start, watch
from schema.events import Event, event_of
from schema.mapping import id_of
from schema.pipelines import PipelineLogPart, PipelineRun
from schema.pull_requests import PullRequest
from services.errors import InvalidInput
from services.names import trace, words
from storage.event_log import EventFilter
from storage.ids import parse_id
from storage.tables.operations import EventRow

EVENTS = """The tenant's events in the order of their sequence: replayed from the cursor, then live, without a gap or
a duplicate. Without `after` it starts now. Every event carries its `cursor`. So does each heartbeat, at once and every
15 s, and a client whose filter lets little through resumes from there: as `{"cursors": {"<operation id>": "<cursor>"}}`
in the payload of a ping (graphql-transport-ws), as an `id:` line (SSE, where Last-Event-ID resumes). INVALID_CURSOR
refuses a cursor that is not of this stream. LAGGED ends a subscription that is read too slowly, with the cursor to
resume from in `extensions.cursor`. UNAUTHENTICATED (on a socket: close code 4403) ends it once its token is revoked or
has expired."""
PULL_REQUEST = """The pull request as it is, at once, then after every change of it: updated, reviewed, checked, merged,
closed. NOT_FOUND refuses one that does not exist or is out of your sight."""

PIPELINE_RUN = """The run as it is, at once, then whenever it or one of its stages, jobs and steps has changed; complete
with the run's end. NOT_FOUND refuses one that does not exist or is out of your sight."""
PIPELINE_RUN_LOG = """The run's log: the lines behind afterLine at once, then those to come, without a gap or a
duplicate, at most 500 together; complete with the run's end. NOT_FOUND refuses a run that does not exist or is out of
your sight."""


@strawberry.input(description="Which events you want; what is null is any.")
class EventFilterInput:
    """All must match."""

    types: list[str] | None = strawberry.field(default=None, description="Any of these, such as PullRequestMerged.")
    project_id: strawberry.ID | None = strawberry.field(default=None, description="Of this project.")
    module_id: strawberry.ID | None = strawberry.field(default=None, description="Of this module.")
    subject_id: strawberry.ID | None = strawberry.field(default=None, description="Of this node, whatever its type.")
    trace_id: str | None = strawberry.field(default=None, description="Of this trace.")


@strawberry.enum(description="Where a subscription without a cursor starts.")
class From(Enum):
    """The newest event, or the first."""

    NOW = "NOW"
    BEGINNING = "BEGINNING"


@strawberry.type(description="What changes, as it changes.")
class Subscription:
    """Live, from any cursor."""

    @strawberry.subscription(description=EVENTS.replace("\n", " "))
    async def events(
        self,
        info: Info,
        after: Annotated[str | None, strawberry.argument(description="The cursor to go on behind.")] = None,
        start_from: Annotated[
            From, strawberry.argument(name="from", description="Where to start without a cursor.")
        ] = From.NOW,
        filter: Annotated[EventFilterInput | None, strawberry.argument(description="All when absent.")] = None,
    ) -> AsyncIterator[Event]:
        """Last-Event-ID stands for ``after``."""
        wanted = _wanted(filter)
        since = await start(info.context, after, beginning=start_from is From.BEGINNING)
        return Stream(info.context, wanted, since, _event)

    @strawberry.subscription(description=PULL_REQUEST.replace("\n", " "))
    async def pull_request(self, info: Info, id: strawberry.ID) -> AsyncIterator[PullRequest]:
        """Its events are those whose subject it is."""
        return await watch(info.context, "PullRequest", id)

    @strawberry.subscription(description=PIPELINE_RUN.replace("\n", " "))
    async def pipeline_run(self, info: Info, id: strawberry.ID) -> AsyncIterator[PipelineRun]:
        """Its steps change it as well."""
        return await watch_run(info.context, id)

    @strawberry.subscription(description=PIPELINE_RUN_LOG.replace("\n", " "))
    async def pipeline_run_log(
        self,
        info: Info,
        run_id: strawberry.ID,
        after_line: Annotated[int, strawberry.argument(description="The number of the last line you have.")] = 0,
    ) -> AsyncIterator[PipelineLogPart]:
        """Replayed from the log, then live."""
        return await follow_log(info.context, run_id, after_line)


async def _event(row: EventRow) -> Event:
    return event_of(row)


def _wanted(filter: EventFilterInput | None) -> EventFilter:
    if filter is None:
        return EventFilter()
    subject = filter.subject_id
    project, module = filter.project_id, filter.module_id
    return EventFilter(
        types=None if filter.types is None else tuple(words(one, "filter.types", most=100) for one in filter.types),
        project_id=None if project is None else id_of(project, "Project", "projectId"),
        module_id=None if module is None else id_of(module, "Module", "moduleId"),
        subject_id=None if subject is None else _any_id(subject),
        trace_id=trace(filter.trace_id),
    )


def _any_id(value: str) -> UUID:
    try:
        return parse_id(value)[1]
    except ValueError as error:
        raise InvalidInput(str(error), field="subjectId") from error
