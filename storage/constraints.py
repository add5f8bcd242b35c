"""Turns what the database says of a unique index into UniqueViolation, under the same name on both databases."""

from typing import Any

from sqlalchemy import UniqueConstraint, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from storage.errors import UniqueViolation

_POSTGRES_UNIQUE = "23505"
_SQLITE_UNIQUE = "UNIQUE constraint failed: "


def install(engine: AsyncEngine) -> None:
    """Every statement of the engine, a flush in the middle of a service as much as the commit."""
    event.listen(engine.sync_engine, "handle_error", _translate, retval=True)


def _translate(context: ExceptionContext) -> Exception | None:
    error: Any = context.original_exception
    if getattr(error, "sqlstate", None) == _POSTGRES_UNIQUE:
        return UniqueViolation(error.diag.constraint_name or "")
    told = str(error)
    if told.startswith(_SQLITE_UNIQUE):
        return UniqueViolation(_name_of(told.removeprefix(_SQLITE_UNIQUE).split(", ")))
    return None


def _name_of(columns: list[str]) -> str:
    """SQLite names the columns only; the primary key is called as PostgreSQL calls it."""
    table = SQLModel.metadata.tables[columns[0].split(".")[0]]
    names = [column.split(".")[1] for column in columns]
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint) and [column.name for column in constraint.columns] == names:
            return str(constraint.name)
    for index in table.indexes:
        if index.unique and [column.name for column in index.columns] == names:
            return str(index.name)
    return f"{table.name}_pkey"
