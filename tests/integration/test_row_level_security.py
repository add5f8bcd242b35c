"""PostgreSQL keeps tenants apart by itself: what the guard never saw still meets a wall."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from storage import event_log
from storage.access import Access, Cause, NewEvent
from storage.engine import Database
from storage.ids import new_id
from storage.queries.rows import Rows
from storage.tables.platform import ProjectRow
from storage.unit_of_work import unit_of_work
from tests.machine import needs
from tests.postgres import Postgres

pytestmark = needs("postgresql")
TENANTS = sorted(name for name, table in SQLModel.metadata.tables.items() if "tenant_id" in table.c)
OTHERS = sorted(set(SQLModel.metadata.tables) - set(TENANTS))


@pytest.fixture
def url(postgres: Postgres) -> URL:
    return postgres.emptied()


@pytest.fixture
def engine(url: URL) -> Iterator[Engine]:
    """The installation's own login, with nothing of Slipway around it."""
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
async def database(url: URL) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


def cause() -> Cause:
    return Cause(actor_id=None, on_behalf_of=None, trace_id="a" * 32, correlation_id="r", causation_id="r")


async def add_project(database: Database, tenant: UUID, *, also: tuple[UUID, ...] = ()) -> None:
    async with unit_of_work(database, Access(tenant_id=tenant, also=also), cause()) as uow:
        for one in (tenant, *also):
            row = ProjectRow(tenant_id=one, name="booking", display_name="Booking")
            await uow.rows.add(row)
            uow.append(
                NewEvent(
                    event_type="ProjectCreated",
                    schema_version=1,
                    subject_type="Project",
                    subject_id=row.id,
                    payload={},
                    tenant_id=one,
                )
            )
        await uow.commit()


def enter(connection: Connection, role: str, tenant: UUID | None = None) -> None:
    connection.execute(text(f"SET LOCAL ROLE {role}"))
    if tenant is not None:
        connection.execute(text("SELECT set_config('app.tenant', :tenant, true)"), {"tenant": tenant.hex})


def seen(connection: Connection, table: str = "projects") -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_every_table_of_tenants_is_closed_to_its_owner_too(engine: Engine) -> None:
    with engine.connect() as connection:
        closed = connection.execute(
            text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY relname")
        ).scalars()
        assert list(closed) == sorted(SQLModel.metadata.tables)
        policies = connection.execute(
            text("SELECT tablename, policyname, roles::text[] FROM pg_policies ORDER BY tablename, policyname")
        ).all()
    walls = [(table, name, role) for table, name, (role,) in policies]
    assert [one for one in walls if one[1] == "tenant"] == [(name, "tenant", "slipway_app") for name in TENANTS]
    assert [one for one in walls if one[1] == "system"] == [
        (name, "system", "slipway_system") for name in sorted(SQLModel.metadata.tables)
    ]


async def test_without_the_setting_the_role_of_tenants_sees_nothing(database: Database, engine: Engine) -> None:
    tenant = new_id()
    await add_project(database, tenant)
    with engine.connect() as connection:
        assert [seen(connection, table) for table in TENANTS] == [0] * len(TENANTS)
        enter(connection, "slipway_app")
        assert [seen(connection, table) for table in TENANTS] == [0] * len(TENANTS)
        enter(connection, "slipway_app", tenant)
        assert (seen(connection), seen(connection, "events")) == (1, 1)
        connection.rollback()
        enter(connection, "slipway_app")
        assert seen(connection) == 0


async def test_a_tenant_sees_and_changes_its_own_rows_only(database: Database, engine: Engine) -> None:
    mine, other = new_id(), new_id()
    await add_project(database, mine)
    await add_project(database, other)
    with engine.begin() as connection:
        enter(connection, "slipway_app", mine)
        assert connection.execute(text("SELECT tenant_id FROM projects")).scalars().all() == [mine]
        assert connection.execute(text("UPDATE projects SET name = 'mine'")).rowcount == 1
        assert connection.execute(text("DELETE FROM log_heads")).rowcount == 1
    with engine.connect() as connection:
        enter(connection, "slipway_system")
        names = connection.execute(text("SELECT tenant_id, name FROM projects")).all()
        assert {tuple(row) for row in names} == {(mine, "mine"), (other, "booking")}


@pytest.mark.parametrize("statement", [
    "UPDATE projects SET tenant_id = '{other}'",
    "INSERT INTO log_heads (tenant_id, sequence, hash) VALUES ('{other}', 1, '')",
    "UPDATE events SET payload = '{{}}'",
    "DELETE FROM events",
    *(f"SELECT * FROM {table}" for table in OTHERS),
])  # fmt: skip
async def test_the_role_of_tenants_is_refused(database: Database, engine: Engine, statement: str) -> None:
    mine = new_id()
    await add_project(database, mine)
    with engine.connect() as connection:
        enter(connection, "slipway_app", mine)
        with pytest.raises(DBAPIError, match=r"row-level security policy|permission denied"):
            connection.execute(text(statement.format(other=new_id())))


async def test_one_unit_of_work_reaches_the_tenants_that_its_access_names(database: Database) -> None:
    operator, made = new_id(), new_id()
    await add_project(database, operator, also=(made,))
    for tenant in (operator, made):
        access = Access(tenant_id=tenant)
        async with database.reading(access) as session:
            assert [row.tenant_id for row in await Rows(session, access).all(ProjectRow)] == [tenant]
            assert await event_log.verify_chain(session, access) == 1


async def test_a_session_stands_in_its_role_for_its_transaction_only(database: Database) -> None:
    current = select(
        func.current_user(), func.current_setting("app.tenant"), func.current_setting("transaction_read_only")
    )
    tenant = new_id()
    async with database.reading(Access(tenant_id=tenant)) as session:
        assert (await session.execute(current)).one() == ("slipway_app", tenant.hex, "on")
        await session.rollback()
        assert (await session.execute(current)).one() == ("slipway_app", tenant.hex, "on")
    async with database.writing(None) as session:
        assert (await session.execute(current)).one() == ("slipway_system", "", "off")
