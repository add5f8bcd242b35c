"""The durable engine in processes of their own, which write down each start and may kill themselves."""

import asyncio
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, MetaData, Table, create_engine, make_url, select

from workers.engine import DurableEngine

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["workers.engine", "psycopg"])
DIES, HANGS, ENDS = "dies", "hangs", "ends"


class Journal:
    """The starts in a file, a line each, however they ended."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def note(self, delivery: str) -> None:
        with self.file.open("a") as out:
            out.write(f"{delivery}\n")

    def starts(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []


async def _work(url: str, journal: Journal, how: str, begun: tuple[str, ...]) -> None:
    async def run(worker: str, delivery: str, attempt: int) -> None:
        journal.note(delivery)
        if how == DIES:
            os.kill(os.getpid(), signal.SIGKILL)
        if how == HANGS:
            await asyncio.Event().wait()

    engine = DurableEngine(make_url(url), run)
    await engine.start()
    for delivery in begun:
        await engine.begin("Worker", delivery)
    await asyncio.sleep(60)


def _process(url: str, file: str, how: str, begun: tuple[str, ...]) -> None:
    asyncio.run(_work(url, Journal(Path(file)), how, begun))


class EngineProcess:
    """Works until it is killed; every start of it is ``how``."""

    def __init__(self, url: URL, journal: Journal, how: str, *begun: str) -> None:
        told = url.render_as_string(hide_password=False)
        self._process = _FORKS.Process(target=_process, args=(told, str(journal.file), how, begun), daemon=True)
        self._process.start()

    def died(self) -> bool:
        """Waits for its end by its own hand."""
        self._process.join(30)
        return self._process.exitcode == -signal.SIGKILL

    def kill(self) -> None:
        self._process.kill()
        self._process.join(30)


async def until(wanted: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class Stored:
    """The engine's own rows, as someone sees them who knows nothing of it."""

    def __init__(self, url: URL) -> None:
        driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
        self._engine: Engine = create_engine(url.set(drivername=driver))
        self._schema = None if driver == "sqlite" else "dbos"

    def rows(self, name: str = "workflow_status") -> list[dict[str, Any]]:
        table = Table(name, MetaData(), schema=self._schema, autoload_with=self._engine)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def by_id(self) -> dict[str, dict[str, Any]]:
        return {row["workflow_uuid"]: row for row in self.rows()}

    def close(self) -> None:
        self._engine.dispose()
