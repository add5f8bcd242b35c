"""Reading commits, trees and files with libgit2."""

from collections.abc import Iterator
from itertools import dropwhile, islice

import pygit2
from pygit2.enums import SortMode

from providers.git.embedded_commits import conflicts, find, person
from providers.git.embedded_diff import counted
from providers.git.errors import FileTooLarge, PathMissing, RevisionMissing
from providers.git.values import CommitInfo, FileContent, MergePreview, TreeEntry


def commit(repository: pygit2.Repository, sha: str) -> CommitInfo:
    """One commit with its size against its first parent."""
    return info(repository, find(repository, sha))


def refs(repository: pygit2.Repository, containing: str | None) -> dict[str, str]:
    """Branches by name."""
    found = {name: str(repository.branches.local[name].target) for name in repository.branches.local}
    if containing is None:
        return found
    try:
        wanted = find(repository, containing).id
    except RevisionMissing:
        return {}
    return {
        name: sha
        for name, sha in found.items()
        if sha == containing or repository.descendant_of(pygit2.Oid(hex=sha), wanted)
    }


def commits(
    repository: pygit2.Repository, start: str, limit: int, after: str | None, until: str | None
) -> list[CommitInfo]:
    """Newest first; going on after a sha that the walk does not meet answers nothing."""
    return [info(repository, one) for one in _walk(repository, start, limit, after, until)]


def shas(repository: pygit2.Repository, start: str, limit: int, after: str | None, until: str | None) -> list[str]:
    """As ``commits``."""
    return [str(one.id) for one in _walk(repository, start, limit, after, until)]


def _walk(
    repository: pygit2.Repository, start: str, limit: int, after: str | None, until: str | None
) -> Iterator[pygit2.Commit]:
    walker = repository.walk(find(repository, start).id, SortMode.TOPOLOGICAL | SortMode.TIME)
    if until is not None:
        walker.hide(find(repository, until).id)
    waiting: Iterator[pygit2.Commit] = iter(walker)
    if after is not None:
        for one in waiting:
            if str(one.id) == after:
                break
    return islice(waiting, limit)


def tree(repository: pygit2.Repository, sha: str, path: str, limit: int, after: str | None) -> list[TreeEntry]:
    """The entries of one folder; going on after a name that is not in it answers nothing."""
    root = find(repository, sha).tree
    folder: pygit2.Object = root if not path else _at(root, path)
    if not isinstance(folder, pygit2.Tree):
        raise PathMissing(path)
    prefix = f"{path}/" if path else ""
    entries: Iterator[pygit2.Object] = iter(folder)
    if after is not None:
        entries = islice(dropwhile(lambda entry: entry.name != after, entries), 1, None)
    return [_entry(repository, entry, prefix) for entry in islice(entries, limit)]


def file(repository: pygit2.Repository, sha: str, path: str, max_bytes: int) -> FileContent:
    """One file."""
    blob = _at(find(repository, sha).tree, path)
    if not isinstance(blob, pygit2.Blob):
        raise PathMissing(path)
    if (size := _size(repository, blob)) > max_bytes:
        raise FileTooLarge(path, size, max_bytes)
    return FileContent(path=path, sha=str(blob.id), size=blob.size, mode=f"{blob.filemode:06o}", data=blob.data)


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


def _size(repository: pygit2.Repository, one: pygit2.Object) -> int:
    """By the header, so that a large file is not read to be measured."""
    return int(repository.odb.read_header(one.id)[1])


def _entry(repository: pygit2.Repository, entry: pygit2.Object, prefix: str) -> TreeEntry:
    name = entry.name or ""
    kind = {"tree": "TREE", "blob": "BLOB"}.get(entry.type_str, "COMMIT")
    size = _size(repository, entry) if isinstance(entry, pygit2.Blob) else None
    return TreeEntry(
        path=prefix + name, name=name, kind=kind, mode=f"{entry.filemode or 0:06o}", size=size, sha=str(entry.id)
    )


def info(repository: pygit2.Repository, one: pygit2.Commit, size: tuple[int, int, int] | None = None) -> CommitInfo:
    """A commit with its size against its first parent, counted here unless it is given."""
    if size is None:
        changed = repository.diff(one.parents[0], one) if one.parents else one.tree.diff_to_tree(swap=True)
        assert isinstance(changed, pygit2.Diff)
        size = counted(repository, changed)
    files, insertions, deletions = size
    return CommitInfo(
        sha=str(one.id),
        tree_hash=str(one.tree_id),
        parents=tuple(str(parent) for parent in one.parent_ids),
        author=person(one.author),
        committer=person(one.committer),
        message=one.raw_message.decode("utf-8", "replace"),
        files_changed=files,
        insertions=insertions,
        deletions=deletions,
    )
