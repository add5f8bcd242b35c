"""Engines and sessions: SQLite in WAL at synchronous=FULL by default, PostgreSQL by URL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from storage import constraints, guard, roles
from storage.access import Access
from storage.errors import Unavailable
from storage.sqlite_driver import InlineDriver
from storage.tables.operations import EventRow
from storage.tables.scoped import TenantScoped, now

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=0",
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=10000",
    "PRAGMA cache_size=-32768",
    "PRAGMA temp_store=memory",
)
_TIMEOUTS = (
    "SET lock_timeout = '10s'",
    "SET statement_timeout = '60s'",
    "SET idle_in_transaction_session_timeout = '60s'",
)
WRITES = "slipway_writes"


def sqlite_url(path: Path) -> URL:
    """The URL of a database file, opened by the standard library's SQLite alone."""
    return URL.create("sqlite+aiosqlite", database=str(path))


class _Session(Session):
    """A session that counts the version of what it changes and, on PostgreSQL, takes its role first."""


@event.listens_for(_Session, "before_flush")
def _touch(session: Session, *_: object) -> None:
    for row in session.dirty:
        if isinstance(row, TenantScoped) and session.is_modified(row):
            row.version += 1
            row.updated_at = now()


@event.listens_for(_Session, "after_begin")
def _enter(session: Session, _: object, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        access = connection.get_execution_options()[guard.ACCESS]
        connection.execute(roles.enter(None if access == guard.SYSTEM else access, writes=session.info[WRITES]))


class Database:
    """One writer at a time on SQLite, readers beside it; on PostgreSQL both are one pool."""

    def __init__(self, url: str | URL, *, readers: int = 4) -> None:
        given = make_url(url)
        self.is_sqlite = given.get_backend_name() == "sqlite"
        self.url = given.set(drivername="sqlite+aiosqlite" if self.is_sqlite else "postgresql+psycopg")
        self.heard: list[Callable[[Sequence[EventRow]], None]] = []
        self._turn = asyncio.Lock()
        if self.is_sqlite:
            self._writer = self._sqlite("BEGIN IMMEDIATE", pool_size=1)
            self._reader = self._sqlite("BEGIN", pool_size=readers, pragmas=("PRAGMA query_only=ON",))
        else:
            self._writer = self._reader = self._postgres()

    def _sqlite(self, begin: str, *, pool_size: int, pragmas: tuple[str, ...] = ()) -> AsyncEngine:
        engine = create_async_engine(
            self.url, module=InlineDriver(), pool_size=pool_size, max_overflow=0, pool_timeout=30
        )

        @event.listens_for(engine.sync_engine, "connect")
        def _connect(connection: Any, _: Any) -> None:
            connection.isolation_level = None
            _run(connection, _PRAGMAS + pragmas)

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:
            connection.exec_driver_sql(begin)

        return _guarded(engine)

    def _postgres(self) -> AsyncEngine:
        engine = create_async_engine(self.url, pool_size=10, max_overflow=10, pool_timeout=30, pool_pre_ping=True)

        @event.listens_for(engine.sync_engine, "connect")
        def _connect(connection: Any, _: Any) -> None:
            _run(connection, _TIMEOUTS)
            connection.commit()

        return _guarded(engine)

    @asynccontextmanager
    async def reading(self, access: Access | None) -> AsyncIterator[AsyncSession]:
        """A short session for reads, which cannot write; ``None`` is the system role of tails and timers."""
        async with self._session(self._reader, access, writes=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self, access: Access | None) -> AsyncIterator[AsyncSession]:
        """A session whose transaction is the caller's to commit; on SQLite writers take turns in order."""
        if not self.is_sqlite:
            async with self._session(self._writer, access, writes=True) as session:
                yield session
            return
        async with self._turn, self._session(self._writer, access, writes=True) as session:
            yield session

    @asynccontextmanager
    async def _session(
        self, engine: AsyncEngine, access: Access | None, *, writes: bool
    ) -> AsyncIterator[AsyncSession]:
        bound = engine.execution_options(**{guard.ACCESS: guard.SYSTEM if access is None else access})
        session = AsyncSession(bound, sync_session_class=_Session, expire_on_commit=False, info={WRITES: writes})
        try:
            yield session
        except PoolTimeout as error:
            raise Unavailable("every connection to the database is in use") from error
        finally:
            await session.close()
            if self.is_sqlite:  # whose statements do not wait: a loop over sessions would keep the event loop to itself
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Closes every connection."""
        await self._writer.dispose()
        await self._reader.dispose()


def _guarded(engine: AsyncEngine) -> AsyncEngine:
    guard.install(engine)
    constraints.install(engine)
    return engine


def _run(connection: Any, statements: tuple[str, ...]) -> None:
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()
