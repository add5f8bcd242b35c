"""Brings a database to the newest schema with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL

_HERE = Path(__file__).parent / "migrations"


def upgrade(url: URL) -> None:
    """Runs what is missing, in one transaction; nothing when the schema is newest."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["url"] = url
    command.upgrade(config, "head")
