"""A statement that is built once answers each caller within their own walls."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL

from storage.access import Access
from storage.engine import Database
from storage.ids import new_id
from storage.queries.kept import _kept_by
from storage.tables.platform import ModuleRow, ProjectRow, TokenRow
from storage.tables.scoped import now
from storage.unit_of_work import UnitOfWork, unit_of_work
from tests.integration.test_storage import access, add_project, cause

pytestmark = pytest.mark.both_databases


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def project(database: Database, tenant: UUID) -> UUID:
    async with unit_of_work(database, access(tenant), cause()) as uow:
        row = await add_project(uow, "booking")
        await uow.commit()
    return row.id


async def found(database: Database, as_: Access, name: str) -> UUID | None:
    async with database.reading(as_) as session:
        row = await UnitOfWork(session, as_, cause()).rows.find(ProjectRow, name=name)
    return None if row is None else row.id


async def test_each_tenant_finds_its_own_and_a_limited_token_within_its_projects(database: Database) -> None:
    ours, theirs = new_id(), new_id()
    our_project, their_project = await project(database, ours), await project(database, theirs)
    assert await found(database, access(ours), "booking") == our_project
    assert await found(database, access(theirs), "booking") == their_project
    assert await found(database, access(ours, (our_project, new_id())), "booking") == our_project
    assert await found(database, access(ours, (new_id(),)), "booking") is None
    assert await found(database, access(ours, ()), "booking") is None


async def test_a_key_without_a_value_finds_the_rows_that_have_none(database: Database) -> None:
    tenant = new_id()
    project_id = await project(database, tenant)
    async with unit_of_work(database, access(tenant), cause()) as uow:
        common: dict[str, Any] = {
            "tenant_id": tenant,
            "project_id": project_id,
            "kind": "LIBRARY",
            "language": "PYTHON",
        }
        for name, image in (("with", "img"), ("without", None)):
            row = ModuleRow(**common, name=name, base_version="1.0", image_name=image)
            await uow.rows.add(row)
        for image, name in ((None, "without"), ("img", "with")):
            one = await uow.rows.find(ModuleRow, project_id=project_id, image_name=image)
            assert one is not None
            assert one.name == name


async def test_a_limited_token_finds_tokens_no_wider_than_itself(database: Database) -> None:
    tenant, mine = new_id(), new_id()
    rows = {
        width: TokenRow(
            tenant_id=tenant, identity_id=new_id(), name=width, scopes=[], project_ids=within, expires_at=now()
        )
        for width, within in (("narrow", [mine.hex]), ("wide", [mine.hex, new_id().hex]))
    }
    async with unit_of_work(database, access(tenant), cause()) as uow:
        await uow.rows.add(*rows.values())
        await uow.commit()
    narrow = access(tenant, (mine,))
    async with database.reading(narrow) as session:
        seen = {
            name: await UnitOfWork(session, narrow, cause()).rows.get(TokenRow, row.id) for name, row in rows.items()
        }
    assert {name for name, row in seen.items() if row is not None} == {"narrow"}


async def test_a_statement_is_built_once_for_all_values(database: Database) -> None:
    await found(database, access(new_id()), "booking")
    asked = (ProjectRow, ("name",), frozenset[str](), False, False)
    built = _kept_by.cache_info().misses
    await found(database, access(new_id()), "travel")
    assert _kept_by(*asked) is _kept_by(*asked)
    assert _kept_by.cache_info().misses == built
