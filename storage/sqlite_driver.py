"""aiosqlite for SQLAlchemy, without a thread hop per statement.

A statement inside a transaction takes microseconds, a hop to aiosqlite's thread and back takes more than that; so
statements run at once, and only what may wait does so in the thread: taking the writer's lock and the commit's fsync.
"""

import sqlite3
from typing import Any, cast

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_dbapi
from sqlalchemy.util.concurrency import await_

WAITS = "BEGIN IMMEDIATE"


class InlineCursor(sqlite3.Cursor):
    """A cursor of the standard library, as SQLAlchemy's asyncio layer wants it."""

    server_side = False

    def __init__(self, connection: sqlite3.Connection, driver: aiosqlite.Connection) -> None:
        super().__init__(connection)
        self._driver = driver

    def execute(self, operation: str, parameters: Any = ()) -> "InlineCursor":
        """At once, but for the statement that waits for another writer."""
        if operation == WAITS:
            await_(self._driver._execute(super().execute, operation))  # type: ignore[no-untyped-call]  # aiosqlite leaves it bare
        else:
            super().execute(operation, parameters or ())
        return self

    async def _async_soft_close(self) -> None:
        """The rows are read where the cursor is."""


class InlineConnection(AsyncAdapt_aiosqlite_connection):
    """Commits and closes in aiosqlite's thread; everything else happens here."""

    __slots__ = ()

    @property
    def isolation_level(self) -> str | None:
        """None: transactions are begun and ended by statements."""
        return cast(str | None, self._connection._conn.isolation_level)

    @isolation_level.setter
    def isolation_level(self, value: str | None) -> None:
        self._connection._conn.isolation_level = value

    def cursor(self, server_side: bool = False) -> Any:
        """Rows are never streamed: every statement names its limit."""
        driver = cast(aiosqlite.Connection, self._connection)
        return InlineCursor(driver._conn, driver)

    def create_function(self, *arguments: Any, **options: Any) -> None:
        """As the standard library's."""
        self._connection._conn.create_function(*arguments, **options)

    def rollback(self) -> None:
        """Touches memory only."""
        if self._connection._connection:
            self._connection._conn.rollback()


class InlineDriver(AsyncAdapt_aiosqlite_dbapi):
    """What ``create_async_engine(..., module=)`` takes for sqlite+aiosqlite."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arguments: Any, **options: Any) -> InlineConnection:
        """Used from the loop's thread and from aiosqlite's, never from both at once."""
        connection = aiosqlite.connect(*arguments, **(options | {"check_same_thread": False}))
        connection._thread.daemon = True
        return InlineConnection(self, cast(Any, await_(connection)))
