"""Writing commits and merges with libgit2: objects only."""

from collections.abc import Sequence

import pygit2
from pygit2.enums import FileMode as Mode

from providers.git.errors import EmptyChange, InvalidChange, MergeConflict, NotFastForward, RevisionMissing
from providers.git.paths import check_changes
from providers.git.values import FileChange, FileMode, MergeMethod, Signature, Stream

_MODES = {FileMode.REGULAR: Mode.BLOB, FileMode.EXECUTABLE: Mode.BLOB_EXECUTABLE, FileMode.SYMLINK: Mode.LINK}
Folder = dict[str, "FileChange | Folder"]


def write_commit(
    repository: pygit2.Repository,
    parent: str | None,
    changes: Sequence[FileChange],
    who: tuple[Signature, Signature],
    message: str,
    allow_empty: bool,
) -> pygit2.Commit:
    """The new commit."""
    check_changes(changes)
    before = None if parent is None else find(repository, parent).tree
    tree = _build(repository, before, _folders(changes), "")
    if tree is None:
        tree = repository.TreeBuilder().write()
    if before is not None and tree == before.id and not allow_empty:
        raise EmptyChange("the changes leave every file as it is")
    return _commit(repository, who, message, tree, [] if parent is None else [parent])


def write_merge(
    repository: pygit2.Repository,
    ends: tuple[str, str],
    method: MergeMethod,
    who: tuple[Signature, Signature],
    message: str,
) -> pygit2.Commit:
    """The commit that the target shall stand at; ``ends`` are target and source."""
    target, source = find(repository, ends[0]), find(repository, ends[1])
    if method is MergeMethod.FAST_FORWARD:
        if target.id != source.id and not repository.descendant_of(source.id, target.id):
            raise NotFastForward("the target has commits that the source lacks: merge them into the source first")
        return source
    index = repository.merge_commits(target, source)
    if paths := conflicts(index):
        raise MergeConflict(paths)
    parents = [ends[0]] if method is MergeMethod.SQUASH else list(ends)
    return _commit(repository, who, message, index.write_tree(repository), parents)


def conflicts(index: pygit2.Index) -> tuple[str, ...]:
    """The paths that both sides changed differently, sorted."""
    if index.conflicts is None:
        return ()
    return tuple(sorted({side.path for entry in index.conflicts for side in entry if side is not None}))


def find(repository: pygit2.Repository, sha: str) -> pygit2.Commit:
    """The commit of a full sha; RevisionMissing otherwise."""
    try:
        found = repository.get(pygit2.Oid(hex=sha))
    except ValueError:
        found = None
    if not isinstance(found, pygit2.Commit):
        raise RevisionMissing(sha)
    return found


def _commit(
    repository: pygit2.Repository,
    who: tuple[Signature, Signature],
    message: str,
    tree: pygit2.Oid,
    parents: list[str],
) -> pygit2.Commit:
    author, committer = (_signature(one) for one in who)
    made = repository.create_commit(None, author, committer, message, tree, [pygit2.Oid(hex=p) for p in parents])
    commit = repository[made]
    assert isinstance(commit, pygit2.Commit)
    return commit


def _signature(one: Signature) -> pygit2.Signature:
    offset = one.when.utcoffset()
    minutes = 0 if offset is None else int(offset.total_seconds() // 60)
    name = one.name.replace("<", "").replace(">", "").strip() or "unknown"
    return pygit2.Signature(name, one.email, int(one.when.timestamp()), minutes)


def _folders(changes: Sequence[FileChange]) -> Folder:
    root: Folder = {}
    for change in changes:
        *parts, name = change.path.split("/")
        folder = root
        for part in parts:
            inner = folder.setdefault(part, {})
            if isinstance(inner, FileChange):
                if not inner.delete:
                    raise InvalidChange(change.path, f"{inner.path!r} cannot be a file and a folder")
                inner = folder[part] = {}
            folder = inner
        folder.setdefault(name, change)
    return root


def _build(repository: pygit2.Repository, before: pygit2.Tree | None, folder: Folder, path: str) -> pygit2.Oid | None:
    """The folder's new tree, or None when nothing is left in it."""
    builder = repository.TreeBuilder() if before is None else repository.TreeBuilder(before)
    names = {} if before is None else {entry.name.casefold(): entry.name for entry in before if entry.name}
    for name, change in folder.items():
        where = f"{path}{name}"
        stands = before[name] if before is not None and name in before else None
        if isinstance(change, FileChange) and change.delete:
            if stands is None or isinstance(stands, pygit2.Tree):
                raise InvalidChange(change.path, "there is no such file to delete")
            builder.remove(name)
            continue
        clash = names.get(name.casefold())
        if clash is not None and clash != name and not _goes(folder.get(clash)):
            raise InvalidChange(where, f"differs from {path}{clash!s} in case only")
        _put(repository, builder, name, change, stands, where)
    return builder.write() if len(builder) else None


def _blob(repository: pygit2.Repository, content: bytes | Stream | None) -> pygit2.Oid:
    if not isinstance(content, Stream):
        return repository.create_blob(content or b"")
    with content.open() as source:
        return repository.create_blob_fromiobase(source)


def _goes(change: "FileChange | Folder | None") -> bool:
    return isinstance(change, FileChange) and change.delete


def _put(
    repository: pygit2.Repository,
    builder: pygit2.TreeBuilder,
    name: str,
    change: "FileChange | Folder",
    stands: pygit2.Object | None,
    where: str,
) -> None:
    if isinstance(change, FileChange):
        if isinstance(stands, pygit2.Tree):
            raise InvalidChange(where, "a folder stands there: delete its files first")
        builder.insert(name, _blob(repository, change.content), _MODES[change.mode])
        return
    inner = _build(repository, stands if isinstance(stands, pygit2.Tree) else None, change, f"{where}/")
    if stands is not None and not isinstance(stands, pygit2.Tree):
        raise InvalidChange(where, "a file stands there: delete it in a commit before")
    if inner is not None:
        builder.insert(name, inner, Mode.TREE)
    elif stands is not None:
        builder.remove(name)
