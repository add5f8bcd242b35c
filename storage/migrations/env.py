"""Alembic's environment: one synchronous connection to the URL it is given; two that start at once take turns."""

from typing import Any

from alembic import context
from sqlalchemy import create_engine, event, text
from sqlmodel import SQLModel

from storage.migrations.walls import MIGRATION_LOCK, raise_walls
from storage.tables import operations, packages, pipelines, platform, registry, source_control

TABLES = (operations, packages, pipelines, platform, registry, source_control)

url = context.config.attributes["url"]
on_sqlite = url.get_backend_name() == "sqlite"
engine = create_engine(url.set(drivername="sqlite" if on_sqlite else "postgresql+psycopg"))
if on_sqlite:

    @event.listens_for(engine, "connect")
    def _leave_transactions_to_us(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout=60000")
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _take_turns(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True, transactional_ddl=True
    )
    with context.begin_transaction():
        if not on_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        context.run_migrations()
        if not on_sqlite:
            raise_walls(connection)
engine.dispose()
