"""The migrations make what the tables say, on both databases, once however many processes start."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, create_engine, text
from sqlmodel import SQLModel

from storage.engine import sqlite_url
from storage.migrate import upgrade
from tests.machine import ROOT, needs
from tests.postgres import Postgres

UPGRADE = """
import sys
from sqlalchemy import make_url
from storage.migrate import upgrade
upgrade(make_url(sys.argv[1]))
"""


def differences(url: URL) -> list[object]:
    engine = create_engine(url.set(drivername="sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"))
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata)
    engine.dispose()
    return list(found)


@pytest.mark.both_databases
def test_the_migrated_schema_is_the_metadata(database_url: URL) -> None:
    assert differences(database_url) == []


def test_a_column_too_many_is_seen(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "slipway.db")
    upgrade(url)
    engine = create_engine(url.set(drivername="sqlite"))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE projects ADD COLUMN surprise INTEGER"))
        connection.execute(text("DROP INDEX ix_events_trace"))
    engine.dispose()
    assert len(differences(url)) == 2


@needs("postgresql")
def test_processes_that_start_at_once_migrate_once(postgres: Postgres) -> None:
    url = postgres.bare()
    command = [sys.executable, "-c", UPGRADE, url.render_as_string(hide_password=False)]
    started = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in started] == [("", 0)] * 3
    assert differences(url) == []
