"""Alembic's environment: one synchronous connection to the URL it is given; two that start at once take turns."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlmodel import SQLModel

from storage.migrations.walls import MIGRATION_LOCK, raise_walls
from storage.tables import operations, platform, source_control

TABLES = (operations, platform, source_control)

url = context.config.attributes["url"]
on_sqlite = url.get_backend_name() == "sqlite"
engine = create_engine(url.set(drivername="sqlite" if on_sqlite else "postgresql+psycopg"))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
    with context.begin_transaction():
        if not on_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        context.run_migrations()
        if not on_sqlite:
            raise_walls(connection)
engine.dispose()
