"""Whether anything is stored that was not: every row of every table, and every ref of every repository."""

import hashlib
from pathlib import Path

import pygit2
from sqlalchemy import Engine, select
from sqlmodel import SQLModel


def stored(engine: Engine, git: Path) -> dict[str, str]:
    """A digest of each table's rows, and of each repository's refs; the engine goes past every wall."""
    found = {}
    with engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            rows = sorted(map(repr, connection.execute(select(table))))
            found[table.name] = f"{len(rows)} rows {hashlib.sha256(''.join(rows).encode()).hexdigest()}"
    for path in sorted(git.glob("*/*.git")):
        repository = pygit2.Repository(str(path))
        refs = [f"{name} {repository.lookup_reference(name).target}" for name in sorted(repository.references)]
        found[path.name] = "\n".join(refs)
    return found
