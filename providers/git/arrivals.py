"""What came with new heads: walked by libgit2, and measured by Git itself when it is much."""

import asyncio
import re
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import RepositoryOpenFlag, SortMode

from providers.git.embedded_commits import COMPARED_BYTES
from providers.git.embedded_reading import info
from providers.git.processes import environment, stream
from providers.git.values import CommitInfo

FEW: Final = 16
Size = tuple[int, int, int]
_MEASURE: Final = (
    "log", "--no-walk=unsorted", "--stdin", "--format=%x00%H", "--shortstat", "--diff-merges=first-parent",
    "--root", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-show-signature",
)  # fmt: skip
_COUNT: Final = re.compile(rb"(\d+) (file|insertion|deletion)")


async def arrived(folder: Path, tips: Sequence[str], known: Sequence[str], limit: int) -> list[tuple[CommitInfo, ...]]:
    """As GitTransport promises it."""
    repository = pygit2.Repository(str(folder), RepositoryOpenFlag.NO_SEARCH)
    found = await asyncio.to_thread(_walked, repository, tips, known, limit)
    shas = [str(one.id) for commits in found for one in commits]
    sizes = await _sizes(folder, shas) if len(shas) > FEW else {}

    def told() -> list[tuple[CommitInfo, ...]]:
        return [tuple(info(repository, one, sizes.get(str(one.id))) for one in commits) for commits in found]

    return await asyncio.to_thread(told)


def _walked(
    repository: pygit2.Repository, tips: Sequence[str], known: Sequence[str], limit: int
) -> list[list[pygit2.Commit]]:
    """One walk for all tips; then each takes what it reaches and none before it did, oldest first."""
    heads = [repository.get(tip) for tip in tips]
    walker = repository.walk(None, SortMode.TOPOLOGICAL | SortMode.TIME)
    for head in heads:
        if isinstance(head, pygit2.Commit):
            walker.push(head.id)
    for sha in known:
        if isinstance(repository.get(sha), pygit2.Commit):
            walker.hide(pygit2.Oid(hex=sha))
    newest = {one.id: (place, one) for place, one in enumerate(islice(walker, limit))}
    told = {pygit2.Oid(hex=sha) for sha in known}
    found: list[list[pygit2.Commit]] = []
    for head in heads:
        if not isinstance(head, pygit2.Commit) or head.id in told:
            found.append([])
            continue
        mine = {head.id: newest.pop(head.id, (-1, head))}
        waiting = list(head.parent_ids)
        while waiting:
            one = newest.pop(waiting.pop(), None)
            if one is not None:
                mine[one[1].id] = one
                waiting.extend(one[1].parent_ids)
        told |= mine.keys()
        found.append([one for _, one in sorted(mine.values(), key=lambda placed: -placed[0])])
    return found


async def _sizes(folder: Path, shas: Sequence[str]) -> dict[str, Size]:
    """Files changed, lines added and removed against the first parent; a file too large to compare counts no lines."""
    bound = {"GIT_CONFIG_PARAMETERS": f"'core.bigFileThreshold'='{COMPARED_BYTES}'"}
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{sha}\n" for sha in shas).encode())
        wanted.seek(0)
        told = b"".join([chunk async for chunk in stream(_MEASURE, folder, source=wanted, env=environment(**bound))])
    sizes: dict[str, Size] = {}
    for one in told.split(b"\0")[1:]:
        count = {kind: int(number) for number, kind in _COUNT.findall(one[40:])}
        sizes[one[:40].decode()] = (count.get(b"file", 0), count.get(b"insertion", 0), count.get(b"deletion", 0))
    return sizes
