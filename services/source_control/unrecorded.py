"""Rows of commits that Git holds and nobody has recorded yet: what a large push brought beyond its first thousand."""

from collections.abc import Sequence

from providers.git.values import CommitInfo
from services.source_control.repositories import commit_row
from storage.tables.source_control import CommitRow, RepositoryRow
from storage.unit_of_work import UnitOfWork


async def recorded(
    uow: UnitOfWork, repository: RepositoryRow, branch: str, seen: Sequence[CommitInfo]
) -> dict[str, CommitRow]:
    """The row of each commit by sha, made where it is missing; no event, for its branch's move was told already."""
    rows = await uow.source_control.commits_by_sha(repository.id, [info.sha for info in seen])
    made = [
        commit_row(repository, info, branch=branch, trace_id=repository.trace_id)
        for info in seen
        if info.sha not in rows
    ]
    await uow.rows.add(*made)
    return rows | {row.sha: row for row in made}
