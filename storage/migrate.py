"""Brings a database to the newest schema with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, pool

_HERE = Path(__file__).parent / "migrations"


def upgrade(url: URL) -> None:
    """Runs what is missing, in one transaction; nothing when the schema is newest."""
    config = _config()
    config.attributes["url"] = url
    command.upgrade(config, "head")


def is_newest(url: URL) -> bool:
    """Whether the database stands at the newest schema; changes nothing."""
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    engine = create_engine(url.set(drivername=driver), poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            stands = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return stands == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    return config
