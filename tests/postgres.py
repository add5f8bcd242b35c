"""A private PostgreSQL for one test session: its own data folder and socket, durability off."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, create_engine, text

from storage.migrate import upgrade
from tests.machine import postgres_program

OWNER = "slipway"
_SHARED = "slipway"
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "autovacuum": "off",
}
_EMPTY = """
    DO $$ DECLARE t text; BEGIN
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        SET LOCAL session_replication_role = replica;
        FOR t IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
            WHERE schemaname IN ('public', 'dbos') AND tablename NOT IN ('alembic_version', 'dbos_migrations')
        LOOP EXECUTE 'DELETE FROM ' || t; END LOOP;
    END $$"""


class Postgres:
    """Runs as an unprivileged user; the databases belong to an ordinary role, which row-level security binds."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-pg-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self._folder, "nobody")
            self._as_user = ["setpriv", "--reuid=nobody", "--clear-groups"]
        self._run(
            "initdb", "-D", str(self._folder / "data"), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"
        )
        options = [item for name, value in _SETTINGS.items() for item in ("-c", f"{name}={value}")]
        command = [*self._as_user, self._program("postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder)]
        self._log = (self._folder / "log").open("wb")
        self._server = subprocess.Popen([*command, *options], stdout=self._log, stderr=self._log)
        try:
            self._wait()
            self.admin(f"CREATE ROLE {OWNER} LOGIN CREATEROLE", f"CREATE DATABASE {_SHARED} OWNER {OWNER}")
            upgrade(self.url(_SHARED))
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def _program(name: str) -> str:
        found = postgres_program(name)
        assert found is not None
        return found

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, self._program(program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.admin("SELECT 1")
                return
            except Exception:
                assert time.monotonic() < deadline, (self._folder / "log").read_text()
                assert self._server.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.05)

    def url(self, database: str, user: str = OWNER) -> URL:
        """Where a database of this server is."""
        return URL.create("postgresql+psycopg", username=user, database=database, query={"host": str(self._folder)})

    def admin(self, *statements: str, database: str = "postgres") -> None:
        """Runs statements as the superuser, outside any transaction."""
        engine = create_engine(self.url(database, "postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        finally:
            engine.dispose()

    def emptied(self) -> URL:
        """The migrated database without a row in it: 30 times faster than a copy of it."""
        self.admin(_EMPTY, "ALTER SEQUENCE events_position_seq RESTART", database=_SHARED)
        return self.url(_SHARED)

    def bare(self) -> URL:
        """A new database without a table."""
        name = f"t_{uuid4().hex}"
        self.admin(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0")
        return self.url(name)

    def stop(self) -> None:
        """Ends the server and removes its folder."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(30)
        self._log.close()
        shutil.rmtree(self._folder)
