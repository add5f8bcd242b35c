"""Transactions that stand in each other's way, a connection that is lost, and two processes that found one database."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from main import Settings, Slipway
from services.errors import ProviderDown, of_storage
from storage.access import Access, Cause
from storage.engine import Database
from storage.errors import Contended, Unavailable
from storage.ids import new_id
from storage.tables.platform import ProjectRow
from storage.unit_of_work import ATTEMPTS, UnitOfWork, repeated, unit_of_work
from tests.machine import ROOT, needs
from tests.postgres import Postgres

TENANT = new_id()
ACCESS = Access(tenant_id=TENANT)
CAUSE = Cause(actor_id=None, on_behalf_of=None, trace_id="a" * 32, correlation_id="req-1", causation_id="req-1")
FOUND = """
import asyncio, json, sys
from pathlib import Path
from main import Settings, Slipway

async def found():
    slipway = Slipway(Settings(data=Path(sys.argv[1]), database_url=sys.argv[2] or None))
    token = await slipway.start()
    await slipway.database.close()
    return token

print(json.dumps(asyncio.run(found())))
"""


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    database = Database(postgres.emptied())
    async with unit_of_work(database, ACCESS, CAUSE) as uow:
        for name in ("a", "b"):
            uow.rows.put(ProjectRow(tenant_id=TENANT, name=name, display_name=""))
        await uow.commit()
    yield database
    await database.close()


async def describe(database: Database, order: str, both_hold_one: asyncio.Barrier | None) -> None:
    """Changes both rows in this order."""
    async with unit_of_work(database, ACCESS, CAUSE) as uow:
        for name in order:
            row = await uow.rows.find_locked(ProjectRow, name=name)
            assert row is not None
            row.description += order
            if both_hold_one is not None and name == order[0]:
                await both_hold_one.wait()
        await uow.commit()


async def descriptions(database: Database) -> list[int]:
    async with database.reading(ACCESS) as session:
        return [len(row.description) for row in await UnitOfWork(session, ACCESS, CAUSE).rows.all(ProjectRow)]


@needs("postgresql")
async def test_of_two_that_wait_for_each_other_one_is_ended_and_passes_when_repeated(database: Database) -> None:
    met = asyncio.Barrier(2)
    ended = await asyncio.gather(*(describe(database, order, met) for order in ("ab", "ba")), return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["Contended", "NoneType"]
    assert await descriptions(database) == [2, 2]

    met, tried = asyncio.Barrier(2), 0

    async def attempt(order: str) -> None:
        nonlocal tried
        tried += 1
        await describe(database, order, met if tried <= 2 else None)

    await asyncio.gather(*(repeated(lambda order=order: attempt(order)) for order in ("ab", "ba")))  # type: ignore[misc]  # mypy knows no default of a lambda
    assert (tried, await descriptions(database)) == (3, [6, 6])


async def test_what_never_passes_is_given_up() -> None:
    tried = 0

    async def attempt() -> None:
        nonlocal tried
        tried += 1
        raise Contended("always")

    with pytest.raises(Contended):
        await repeated(attempt)
    assert tried == ATTEMPTS


@needs("postgresql")
async def test_a_lost_connection_is_told_as_such_and_the_next_unit_of_work_has_another(
    database: Database, postgres: Postgres
) -> None:
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'slipway'"
    with pytest.raises(Unavailable) as lost:
        async with unit_of_work(database, ACCESS, CAUSE) as uow:
            await uow.rows.add(ProjectRow(tenant_id=TENANT, name="c", display_name=""))
            await asyncio.to_thread(postgres.admin, end_all)
            await uow.commit()
    told = of_storage(lost.value)
    assert (type(lost.value), type(told)) == (Unavailable, ProviderDown)
    assert str(told).startswith("the database did not answer: terminating connection due to administrator command")
    assert await descriptions(database) == [0, 0]


@needs("postgresql")
async def test_a_database_that_is_not_there_is_told(postgres: Postgres) -> None:
    nowhere = Database(postgres.url("absent").update_query_dict({"host": "/nonexistent"}))
    with pytest.raises(Unavailable, match="the database did not answer"):
        await descriptions(nowhere)
    await nowhere.close()


def found_at_once(folders: list[Path], url: URL | None) -> list[str | None]:
    given = "" if url is None else url.render_as_string(hide_password=False)
    started = [
        subprocess.Popen([sys.executable, "-c", FOUND, str(folder), given], cwd=ROOT, stdout=subprocess.PIPE)
        for folder in folders
    ]
    told = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started)
    return [json.loads(one.splitlines()[-1]) for one in told]


@needs("postgresql")
def test_of_processes_that_found_one_database_one_tells_the_token(postgres: Postgres, tmp_path: Path) -> None:
    tokens = found_at_once([tmp_path / str(number) for number in range(2)], postgres.bare())
    assert len([token for token in tokens if token is not None]) == 1


async def test_processes_that_found_one_folder_have_one_token_and_one_key(tmp_path: Path) -> None:
    told = [token for token in await asyncio.to_thread(found_at_once, [tmp_path] * 2, None) if token is not None]
    slipway = Slipway(Settings(data=tmp_path))
    assert (len(told), await slipway.start()) == (1, None)
    assert (await slipway.authenticate(told[0])).name == "admin"
    await slipway.database.close()
    assert await asyncio.to_thread(lambda: list(tmp_path.glob(".issuer*"))) == []


@pytest.mark.both_databases
async def test_who_comes_second_sees_the_first_ones_tenant(tmp_path: Path, database_url: URL) -> None:
    """Both looked and found no tenant; the second is about to write."""
    url = database_url.render_as_string(hide_password=False)
    first, second = (Slipway(Settings(data=tmp_path / name, database_url=url)) for name in ("a", "b"))
    assert await first.start() is not None
    assert await second._found_operator() is None
    assert await second.ready() is None
    await first.database.close()
    await second.database.close()
