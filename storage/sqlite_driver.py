"""aiosqlite for SQLAlchemy, without a thread hop per statement.

A statement inside a transaction takes microseconds, a hop to aiosqlite's thread and back takes more than that; so
statements run at once, and only what waits does so in the thread: a lock that another holds, the commit's fsync, many
rows at once, and a SELECT of over two milliseconds, which is interrupted and begun again there.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_dbapi
from sqlalchemy.util.concurrency import await_

T = TypeVar("T")
LOCK_SECONDS: Final = 10.0
SELECT_SECONDS: Final = 0.002
FEW_ROWS: Final = 100
_WAITS: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT}
_STEPS_PER_LOOK: Final = 2_000


class InlineCursor(sqlite3.Cursor):
    """A cursor of the standard library, as SQLAlchemy's asyncio layer wants it."""

    server_side = False

    def __init__(self, adapted: "InlineConnection") -> None:
        super().__init__(adapted.plain)
        self._adapted = adapted
        self._asked: tuple[str, Any] = ("", ())

    def execute(self, operation: str, parameters: Any = ()) -> "InlineCursor":
        """At once, or in the thread when it has to wait."""
        self._asked = (operation, parameters or ())
        try:
            with_bound = self._adapted.bounded if operation.startswith(("SELECT", "WITH")) else _unbounded
            with_bound(self._begin)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _WAITS:
                raise
            self._adapted.patiently(self._begin)
        return self

    def _begin(self) -> None:
        super().execute(*self._asked)

    def executemany(self, operation: str, parameters: Any) -> "InlineCursor":
        """A few rows at once, many in the thread."""
        if len(parameters) <= FEW_ROWS:
            super().executemany(operation, parameters)
        else:
            self._adapted.patiently(lambda: sqlite3.Cursor.executemany(self, operation, parameters))
        return self

    def fetchall(self) -> list[Any]:
        """Every row; what takes too long is asked once more in the thread."""
        try:
            return self._adapted.bounded(super().fetchall)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
        return self._adapted.patiently(self._again)

    def _again(self) -> list[Any]:
        self._begin()
        return super().fetchall()

    async def _async_soft_close(self) -> None:
        """The rows are read where the cursor is."""


class InlineConnection(AsyncAdapt_aiosqlite_connection):
    """Commits, waits and closes in aiosqlite's thread; everything else happens here."""

    __slots__ = ("_until", "plain")

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.plain: sqlite3.Connection = connection._conn
        self._until = float("inf")
        self.plain.set_progress_handler(lambda: time.perf_counter() > self._until, _STEPS_PER_LOOK)

    def bounded(self, run: Callable[[], T]) -> T:
        """Runs what only reads; SQLITE_INTERRUPT when it takes too long."""
        self._until = time.perf_counter() + SELECT_SECONDS
        try:
            return run()
        finally:
            self._until = float("inf")

    def patiently(self, run: Callable[[], T]) -> T:
        """Runs it in the thread, where it may wait for a lock."""

        def wait() -> T:
            self.plain.execute(f"PRAGMA busy_timeout={LOCK_SECONDS * 1000:.0f}")
            try:
                return run()
            finally:
                self.plain.execute("PRAGMA busy_timeout=0")

        return cast(T, await_(self._connection._execute(wait)))

    @property
    def isolation_level(self) -> str | None:
        """None: transactions are begun and ended by statements."""
        return cast(str | None, self.plain.isolation_level)

    @isolation_level.setter
    def isolation_level(self, value: str | None) -> None:
        self.plain.isolation_level = value  # type: ignore[assignment]  # typeshed knows the names only

    def cursor(self, server_side: bool = False) -> Any:
        """Rows are never streamed: every statement names its limit."""
        return InlineCursor(self)

    def create_function(self, *arguments: Any, **options: Any) -> None:
        """As the standard library's."""
        self.plain.create_function(*arguments, **options)

    def commit(self) -> None:
        """A commit that fails leaves its transaction open, which SQLAlchemy takes for ended: so it is ended here."""
        try:
            super().commit()
        except Exception:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Touches memory only."""
        if self._connection._connection:
            self.plain.rollback()


def _unbounded(run: Callable[[], T]) -> T:
    return run()


class InlineDriver(AsyncAdapt_aiosqlite_dbapi):
    """What ``create_async_engine(..., module=)`` takes for sqlite+aiosqlite."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arguments: Any, **options: Any) -> InlineConnection:
        """Used from the loop's thread and from aiosqlite's, never from both at once."""
        connection = aiosqlite.connect(*arguments, **(options | {"check_same_thread": False}))
        connection._thread.daemon = True
        return InlineConnection(self, cast(Any, await_(connection)))
