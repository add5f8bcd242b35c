"""Reading commits, trees and files with libgit2."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import pygit2
from pygit2.enums import DeltaStatus, DiffFind, SortMode

from providers.git.embedded_commits import conflicts, find
from providers.git.errors import InvalidChange, PathMissing
from providers.git.values import CommitInfo, FileContent, FileDiff, MergePreview, Signature, TreeEntry

PATCH_BYTES: Final = 262_144
_STATUS: Final = {
    DeltaStatus.ADDED: "ADDED",
    DeltaStatus.DELETED: "DELETED",
    DeltaStatus.MODIFIED: "MODIFIED",
    DeltaStatus.RENAMED: "RENAMED",
    DeltaStatus.TYPECHANGE: "TYPE_CHANGED",
}


def commit(repository: pygit2.Repository, sha: str) -> CommitInfo:
    """One commit with its size against its first parent."""
    return _info(repository, find(repository, sha))


def commits(
    repository: pygit2.Repository, start: str, limit: int, after: str | None, until: str | None
) -> list[CommitInfo]:
    """Newest first; going on after a sha that the walk does not meet answers nothing."""
    walker = repository.walk(find(repository, start).id, SortMode.TOPOLOGICAL | SortMode.TIME)
    if until is not None:
        walker.hide(find(repository, until).id)
    found: list[CommitInfo] = []
    waiting = after is not None
    for one in walker:
        if waiting:
            waiting = str(one.id) != after
            continue
        if len(found) == limit:
            break
        found.append(_info(repository, one))
    return found


def tree(repository: pygit2.Repository, sha: str, path: str, limit: int) -> list[TreeEntry]:
    """The entries of one folder."""
    root = find(repository, sha).tree
    folder: pygit2.Object = root if not path else _at(root, path)
    if not isinstance(folder, pygit2.Tree):
        raise PathMissing(path)
    prefix = f"{path}/" if path else ""
    return [_entry(entry, prefix) for entry in list(folder)[:limit]]


def file(repository: pygit2.Repository, sha: str, path: str, max_bytes: int) -> FileContent:
    """One file."""
    blob = _at(find(repository, sha).tree, path)
    if not isinstance(blob, pygit2.Blob):
        raise PathMissing(path)
    if blob.size > max_bytes:
        raise InvalidChange(path, f"has {blob.size:,} bytes, over the {max_bytes:,} of one answer: clone it")
    return FileContent(path=path, sha=str(blob.id), size=blob.size, mode=f"{blob.filemode:06o}", data=blob.data)


def diff(repository: pygit2.Repository, base: str, head: str, patches: bool, limit: int) -> list[FileDiff]:
    """What ``head`` changed since ``base``."""
    found = repository.diff(find(repository, base), find(repository, head))
    assert isinstance(found, pygit2.Diff)
    found.find_similar(DiffFind.FIND_RENAMES)
    changes: list[FileDiff] = []
    for patch in found:
        if patch is None or len(changes) == limit:
            break
        changes.append(_change(patch, patches))
    return changes


def preview(repository: pygit2.Repository, target: str, source: str) -> MergePreview:
    """Whether the merge would be clean."""
    paths = conflicts(repository.merge_commits(find(repository, target), find(repository, source)))
    return MergePreview(mergeable=not paths, conflicts=paths)


def is_ancestor(repository: pygit2.Repository, ancestor: str, descendant: str) -> bool:
    """Whether ``descendant`` reaches ``ancestor``."""
    old, new = find(repository, ancestor).id, find(repository, descendant).id
    return old == new or repository.descendant_of(new, old)


def _at(root: pygit2.Tree, path: str) -> pygit2.Object:
    try:
        return root[path]
    except (KeyError, ValueError) as error:
        raise PathMissing(path) from error


def _entry(entry: pygit2.Object, prefix: str) -> TreeEntry:
    name = entry.name or ""
    kind = {"tree": "TREE", "blob": "BLOB"}.get(entry.type_str, "COMMIT")
    size = entry.size if isinstance(entry, pygit2.Blob) else None
    return TreeEntry(
        path=prefix + name, name=name, kind=kind, mode=f"{entry.filemode or 0:06o}", size=size, sha=str(entry.id)
    )


def _change(patch: pygit2.Patch, wanted: bool) -> FileDiff:
    delta = patch.delta
    _, insertions, deletions = patch.line_stats
    data = patch.data if wanted and not delta.is_binary else b""
    return FileDiff(
        path=delta.new_file.path or delta.old_file.path,
        old_path=delta.old_file.path if delta.status == DeltaStatus.RENAMED else None,
        status=_STATUS.get(delta.status, "MODIFIED"),
        insertions=insertions,
        deletions=deletions,
        patch=data.decode("utf-8", "replace") if data and len(data) <= PATCH_BYTES else None,
        is_binary=bool(delta.is_binary),
        truncated=len(data) > PATCH_BYTES,
    )


def _info(repository: pygit2.Repository, one: pygit2.Commit) -> CommitInfo:
    changed = repository.diff(one.parents[0], one) if one.parents else one.tree.diff_to_tree(swap=True)
    assert isinstance(changed, pygit2.Diff)
    stats = changed.stats
    return CommitInfo(
        sha=str(one.id),
        tree_hash=str(one.tree_id),
        parents=tuple(str(parent) for parent in one.parent_ids),
        author=_person(one.author),
        committer=_person(one.committer),
        message=one.message,
        files_changed=stats.files_changed,
        insertions=stats.insertions,
        deletions=stats.deletions,
    )


def _person(one: pygit2.Signature) -> Signature:
    zone = timezone(timedelta(minutes=one.offset))
    return Signature(name=one.name, email=one.email, when=datetime.fromtimestamp(one.time, UTC).astimezone(zone))
