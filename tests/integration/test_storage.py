"""The unit of work, the log and the tenant guard on a real SQLite file."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, delete, func, select, text, update

from storage import event_log
from storage.access import Access, Cause, IdempotencyKey, NewEdge, NewEvent
from storage.engine import Database
from storage.errors import TenantViolation, UniqueViolation
from storage.event_log import EventFilter
from storage.ids import new_id
from storage.queries.conditions import Compare, Condition
from storage.queries.rows import Page
from storage.tables.operations import EventRow
from storage.tables.platform import ArtifactRow, ProjectRow
from storage.unit_of_work import UnitOfWork, unit_of_work

pytestmark = pytest.mark.both_databases
TRACE = "a" * 32


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


def cause() -> Cause:
    return Cause(actor_id=new_id(), on_behalf_of=None, trace_id=TRACE, correlation_id="req-1", causation_id="req-1")


def access(tenant: UUID, projects: tuple[UUID, ...] | None = None) -> Access:
    return Access(tenant_id=tenant, project_ids=projects)


async def add_project(uow: UnitOfWork, name: str) -> ProjectRow:
    row = ProjectRow(tenant_id=uow.tenant_id, name=name, display_name=name)
    await uow.rows.add(row)
    uow.append(
        NewEvent(
            event_type="ProjectCreated",
            schema_version=1,
            subject_type="Project",
            subject_id=row.id,
            project_id=row.id,
            payload={"name": name},
        )
    )
    return row


async def test_rows_edges_key_and_events_commit_together(database: Database) -> None:
    tenant, who = new_id(), new_id()
    key = IdempotencyKey(identity_id=who, key="k", body_hash="h")
    async with unit_of_work(database, access(tenant), cause()) as uow:
        row = await add_project(uow, "booking")
        uow.link(
            NewEdge(kind="MERGED_AS", upstream=("Project", row.id), downstream=("Project", row.id), project_id=row.id)
        )
        uow.remember(key, "Project", row.id)
        events = await uow.commit()
    async with database.reading(access(tenant)) as session:
        reader = UnitOfWork(session, access(tenant), cause())
        assert (await reader.rows.get(ProjectRow, row.id)) is not None
        outcome = await reader.operations.outcome(who, "k")
        assert outcome is not None
        assert outcome.event_ids == [events[0].event_id.hex]
        (edge,) = await reader.lineage.edges([row.id], downstream=True, limit=9)
        assert (edge.kind, edge.event_id, edge.created_at) == ("MERGED_AS", events[0].event_id, events[0].occurred_at)


async def test_a_refused_commit_leaves_neither_row_nor_event(database: Database) -> None:
    tenant = new_id()
    async with unit_of_work(database, access(tenant), cause()) as uow:
        await add_project(uow, "booking")
        await uow.commit()
    with pytest.raises(UniqueViolation):
        async with unit_of_work(database, access(tenant), cause()) as uow:
            uow._session.add(ProjectRow(tenant_id=tenant, name="other", display_name=""))
            uow._session.add(ProjectRow(tenant_id=tenant, name="booking", display_name=""))
            uow.append(
                NewEvent(event_type="X", schema_version=1, subject_type="Project", subject_id=tenant, payload={})
            )
            await uow.commit()
    async with database.reading(access(tenant)) as session:
        assert await event_log.last_sequence(session, tenant) == 1
        assert (await UnitOfWork(session, access(tenant), cause()).rows.count(ProjectRow, {})) == 1


async def test_sequences_are_dense_per_tenant_and_the_chain_verifies(database: Database) -> None:
    tenants = [new_id(), new_id()]
    for number in range(3):
        for tenant in tenants:
            async with unit_of_work(database, access(tenant), cause()) as uow:
                await add_project(uow, f"p{number}")
                await uow.commit()
    for tenant in tenants:
        async with database.reading(access(tenant)) as session:
            assert await event_log.verify_chain(session, access(tenant)) == 3


async def test_a_changed_event_breaks_the_chain(database: Database, outside: Engine) -> None:
    tenant = new_id()
    async with unit_of_work(database, access(tenant), cause()) as uow:
        await add_project(uow, "booking")
        await uow.commit()
    with outside.begin() as connection:
        connection.execute(update(EventRow).values(payload={"name": "forged"}))
    async with database.reading(access(tenant)) as session:
        with pytest.raises(ValueError, match="event 1 does not match its hash"):
            await event_log.verify_chain(session, access(tenant))


@pytest.mark.parametrize(
    "statement",
    [
        select(EventRow),
        select(ProjectRow.__table__),  # type: ignore[attr-defined]
        select(func.count()).select_from(ProjectRow.__table__),  # type: ignore[attr-defined]
        update(ProjectRow.__table__).values(name="x"),  # type: ignore[attr-defined]
        delete(ProjectRow.__table__),  # type: ignore[attr-defined]
        select(select(ProjectRow.__table__).cte("c")),  # type: ignore[attr-defined, arg-type]
        text("select * from projects"),
    ],
)
async def test_a_statement_without_its_tenant_never_runs(database: Database, statement: object) -> None:
    async with database.writing(access(new_id())) as session:
        with pytest.raises(TenantViolation):
            await session.execute(statement)  # type: ignore[call-overload]


async def test_a_row_of_another_tenant_cannot_be_written(database: Database) -> None:
    async with database.writing(access(new_id())) as session:
        session.add(ProjectRow(tenant_id=new_id(), name="x", display_name="x"))
        with pytest.raises(TenantViolation):
            await session.flush()


async def test_a_limited_token_sees_its_own_projects_only(database: Database) -> None:
    tenant = new_id()
    async with unit_of_work(database, access(tenant), cause()) as uow:
        mine, other = await add_project(uow, "mine"), await add_project(uow, "other")
        for project in (mine, other):
            await uow.rows.add(
                ArtifactRow(tenant_id=tenant, project_id=project.id, producer="p", name="n", trace_id=TRACE)
            )
        await uow.commit()
    limited = access(tenant, (mine.id,))
    async with database.reading(limited) as session:
        rows = UnitOfWork(session, limited, cause()).rows
        assert [row.name for row in await rows.all(ProjectRow)] == ["mine"]
        assert [row.project_id for row in await rows.all(ArtifactRow)] == [mine.id]
        seen = await event_log.read(session, limited, after=0, wanted=event_log.EventFilter(), limit=9)
        assert [event.subject_id for event in seen] == [mine.id]


async def test_pages_are_keyset_pages_below_each_parent(database: Database) -> None:
    tenant = new_id()
    async with unit_of_work(database, access(tenant), cause()) as uow:
        parents = [await add_project(uow, name) for name in ("a", "b")]
        for parent in parents:
            for number in range(5):
                await uow.rows.add(
                    ArtifactRow(tenant_id=tenant, project_id=parent.id, producer="p", name=f"n{number}", trace_id=TRACE)
                )
        await uow.commit()
    async with database.reading(access(tenant)) as session:
        rows = UnitOfWork(session, access(tenant), cause()).rows
        ids = [parent.id for parent in parents]
        first = await rows.pages(ArtifactRow, "project_id", ids, Page(limit=2, order_by="name"))
        assert [[row.name for row in first[key]] for key in ids] == [["n0", "n1"], ["n0", "n1"]]
        last = first[ids[0]][-1]
        in_project = Condition("project_id", Compare.IS, ids[0])
        after = Page(limit=9, order_by="name", after=(last.name, last.id), where=(in_project,))
        assert [row.name for row in await rows.page(ArtifactRow, after)] == ["n2", "n3", "n4"]


async def test_many_events_of_one_commit_are_placed_as_they_are_numbered(database: Database) -> None:
    tenant = new_id()
    async with unit_of_work(database, access(tenant), cause()) as uow:
        for number in range(3 * event_log.FEW):
            await add_project(uow, f"project-{number}")
        told = await uow.commit()
    async with database.reading(access(tenant)) as session:
        read = await event_log.read(session, access(tenant), after=0, wanted=EventFilter(), limit=100)
        await event_log.verify_chain(session, access(tenant))
    assert [(row.sequence, row.position, row.event_id) for row in told] == [
        (row.sequence, row.position, row.event_id) for row in read
    ]
    assert [row.position for row in told] == sorted(row.position or 0 for row in told)
    assert [row.sequence for row in told] == list(range(1, 3 * event_log.FEW + 1))
