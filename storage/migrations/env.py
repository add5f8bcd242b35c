"""Alembic's environment: one synchronous connection to the URL it is given."""

from alembic import context
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from storage.tables import operations, platform, source_control

TABLES = (operations, platform, source_control)

url = context.config.attributes["url"]
sync = url.set(drivername="sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg")
engine = create_engine(sync)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
