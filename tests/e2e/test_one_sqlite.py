"""Two SQLite libraries in one process drop each other's locks, and with them commits: a served one holds one."""

import os
import sqlite3
from pathlib import Path

from tests.e2e.children import Server, ask, free_port

HEADER = b"SQLite format 3\0"


def libraries(pid: int) -> set[Path]:
    """The files of code that the process has mapped."""
    lines = (line.split(maxsplit=5) for line in Path(f"/proc/{pid}/maps").read_text().splitlines())
    return {Path(line[5]) for line in lines if len(line) == 6 and "x" in line[1] and line[5].startswith("/")}


def is_sqlite(library: Path) -> bool:
    """Whether it is the library itself, under whatever name: only that carries the head of the files it writes."""
    return HEADER in library.read_bytes()


async def test_a_served_process_maps_one_sqlite_library(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", free_port())
    try:
        await server.ready()
        made = "mutation($input: CreateTenantInput!) { createTenant(input: $input) { token errors { message } } }"
        tenant = {"name": "acme", "adminEmail": "admin@example.test"}
        token = (await ask(server.url, server.token(), made, input=tenant))["createTenant"]["token"]
        await ask(server.url, token, "{ projects { totalCount } }")
        mapped = libraries(server.process.pid)
    finally:
        server.kill()
    found = sorted(path.name for path in mapped if is_sqlite(path))
    assert len(found) == 1, found
    assert [path for path in mapped if "apsw" in str(path)] == []


def test_the_look_finds_the_library_of_this_process() -> None:
    """Else the test above could find none, or count what only speaks to it."""
    assert sqlite3.sqlite_version
    assert len([path for path in libraries(os.getpid()) if is_sqlite(path)]) == 1
