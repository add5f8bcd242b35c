"""Turns what the database says into storage's own errors, under the same constraint names on both databases."""

import sqlite3
from typing import Any, Final

from sqlalchemy import UniqueConstraint, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from storage.errors import Contended, Unavailable, UniqueViolation

_POSTGRES_UNIQUE: Final = "23505"
_POSTGRES_CONTENDED: Final = {"40001", "40P01"}
_SQLITE_UNIQUE: Final = "UNIQUE constraint failed: "
_SQLITE_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN
}  # fmt: skip
_FIRST_BYTE: Final = 0xFF


def install(engine: AsyncEngine) -> None:
    """Every statement of the engine, a flush in the middle of a service as much as the commit."""
    event.listen(engine.sync_engine, "handle_error", _translate, retval=True)


def _translate(context: ExceptionContext) -> Exception | None:
    error: Any = context.original_exception
    told = str(error)
    if isinstance(error, sqlite3.Error):
        if told.startswith(_SQLITE_UNIQUE):
            return UniqueViolation(_name_of(told.removeprefix(_SQLITE_UNIQUE).split(", ")))
        code = getattr(error, "sqlite_errorcode", 0) & _FIRST_BYTE
        return Unavailable(f"the database did not answer: {told}") if code in _SQLITE_UNAVAILABLE else None
    state = getattr(error, "sqlstate", None)
    if state == _POSTGRES_UNIQUE:
        return UniqueViolation(error.diag.constraint_name or "")
    if state in _POSTGRES_CONTENDED:
        return Contended(f"the database gave way to another transaction: {_first_line(told)}")
    if context.is_disconnect or isinstance(context.sqlalchemy_exception, OperationalError):
        return Unavailable(f"the database did not answer: {_first_line(told)}")
    return None


def _first_line(told: str) -> str:
    return told.splitlines()[0] if told else "the connection was lost"


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
