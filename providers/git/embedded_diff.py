"""Comparing commits with libgit2, within bounds that hold whatever was pushed."""

from typing import Final

import pygit2
from pygit2.enums import DeltaStatus, DiffFind

from providers.git.embedded_commits import COMPARED_BYTES, find
from providers.git.values import Diff, FileDiff, FileStatus

PATCH_BYTES: Final = 262_144
ALL_PATCH_BYTES: Final = 1_048_576
MOST_RENAMES: Final = 200
_STATUS: Final = {
    DeltaStatus.ADDED: FileStatus.ADDED,
    DeltaStatus.DELETED: FileStatus.DELETED,
    DeltaStatus.RENAMED: FileStatus.RENAMED,
    DeltaStatus.TYPECHANGE: FileStatus.TYPE_CHANGED,
}


def diff(
    repository: pygit2.Repository, base: str | None, head: str, *, patches: bool, limit: int, from_merge_base: bool
) -> Diff:
    """What ``head`` changed; a patch, all patches and a file that is compared are bounded each."""
    new = find(repository, head)
    old = None if base is None else find(repository, base)
    if old is not None and from_merge_base:
        parted = repository.merge_base(old.id, new.id)
        old = None if parted is None else find(repository, str(parted))
    found = new.tree.diff_to_tree(swap=True) if old is None else repository.diff(old, new)
    assert isinstance(found, pygit2.Diff)
    found.find_similar(DiffFind.FIND_RENAMES, rename_limit=MOST_RENAMES)
    left = ALL_PATCH_BYTES if patches else 0
    files: list[FileDiff] = []
    for index, delta in zip(range(limit), found.deltas, strict=False):
        one = _file(repository, found, index, delta, left if patches else None)
        left -= len(one.patch or "")
        files.append(one)
    return Diff(
        base_sha=None if old is None else str(old.id),
        head_sha=str(new.id),
        files_changed=len(found),
        files=tuple(files),
    )


def counted(repository: pygit2.Repository, found: pygit2.Diff) -> tuple[int, int, int]:
    """Files changed, lines added and lines removed; a file over the bound is not compared and counts no lines."""
    large = [_is_large(repository, delta) for delta in found.deltas]
    if not any(large):
        return found.stats.files_changed, found.stats.insertions, found.stats.deletions
    patches = [found[index] for index in range(len(large)) if not large[index]]
    lines = [patch.line_stats for patch in patches if patch is not None]
    return len(large), sum(one[1] for one in lines), sum(one[2] for one in lines)


def _file(
    repository: pygit2.Repository, found: pygit2.Diff, index: int, delta: pygit2.DiffDelta, left: int | None
) -> FileDiff:
    """One file; ``left`` is what patches may still take, None when none is asked for."""
    large = _is_large(repository, delta)
    patch = None if large else found[index]
    binary = patch is not None and bool(patch.delta.is_binary)
    lines = None if patch is None or binary else patch.line_stats[1:]
    data = patch.data if patch is not None and left is not None and not binary else b""
    fits = len(data) <= min(PATCH_BYTES, left or 0)
    return FileDiff(
        path=delta.new_file.path or delta.old_file.path,
        old_path=delta.old_file.path if delta.status == DeltaStatus.RENAMED else None,
        status=_STATUS.get(delta.status, FileStatus.MODIFIED),
        insertions=None if lines is None else lines[0],
        deletions=None if lines is None else lines[1],
        patch=data.decode("utf-8", "replace") if data and fits else None,
        is_binary=binary,
        truncated=left is not None and (large or not fits),
    )


def _is_large(repository: pygit2.Repository, delta: pygit2.DiffDelta) -> bool:
    return any(_size(repository, side) > COMPARED_BYTES for side in (delta.old_file, delta.new_file))


def _size(repository: pygit2.Repository, side: pygit2.DiffFile) -> int:
    """0 for the side that is absent, and for a submodule's commit, which lies elsewhere."""
    return int(repository.odb.read_header(side.id)[1]) if side.id in repository.odb else 0
