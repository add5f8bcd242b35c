"""Which database a test runs on: SQLite, and for modules marked ``both_databases`` PostgreSQL too."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine

from storage.engine import sqlite_url
from storage.migrate import upgrade
from tests.machine import needs
from tests.postgres import Postgres

BOTH = ["sqlite", pytest.param("postgresql", marks=needs("postgresql"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_url" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_databases"):
        metafunc.parametrize("database_url", BOTH, indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(sqlite_url(path))
    return path


def new_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> URL:
    """A migrated database of this kind without a row in it; on SQLite it lies in the folder."""
    if kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        return sqlite_url(Path(shutil.copyfile(template, folder / "slipway.db")))
    server: Postgres = request.getfixturevalue("postgres")
    return server.emptied()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """A migrated database without a row in it."""
    return new_database(request, getattr(request, "param", "sqlite"), tmp_path)


@pytest.fixture
def outside(database_url: URL) -> Iterator[Engine]:
    """The database as an outsider sees it."""
    engine = outsider(database_url)
    yield engine
    engine.dispose()


def outsider(url: URL) -> Engine:
    """Someone who goes past Slipway: no guard, and on PostgreSQL the superuser."""
    if url.get_backend_name() == "sqlite":
        return create_engine(url.set(drivername="sqlite"))
    return create_engine(url.set(username="postgres"))
