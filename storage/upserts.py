"""INSERT that meets a row which stands already, in each database's own words, by the name of its dialect."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import Executable
from sqlmodel import SQLModel


def insert_or_keep(kind: type[SQLModel]) -> Mapping[str, Executable]:
    """Leaves the row that stands as it is."""
    table = _table(kind)
    return {
        "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
    }


def insert_or_update(kind: type[SQLModel], columns: Sequence[str]) -> Mapping[str, Executable]:
    """Gives these columns of the row that stands, found by its primary key, the new values."""
    table = _table(kind)
    key = [column.name for column in table.primary_key.columns]
    made: dict[str, Any] = {"sqlite": sqlite.insert(table), "postgresql": postgresql.insert(table)}
    return {
        name: statement.on_conflict_do_update(
            index_elements=key, set_={column: statement.excluded[column] for column in columns}
        )
        for name, statement in made.items()
    }


def _table(kind: type[SQLModel]) -> Table:
    table = inspect(kind).local_table
    assert isinstance(table, Table)
    return table
