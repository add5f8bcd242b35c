"""Writing commits and merges: objects only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import pygit2

from providers.git.embedded_objects import TREE, Entry, NewObjects, entries
from providers.git.errors import EmptyChange, InvalidChange, MergeConflict, NotFastForward, RevisionMissing
from providers.git.paths import check_changes
from providers.git.values import CommitInfo, FileChange, FileMode, MergeMethod, Signature, Stream

DAY: Final = 86_400
LATEST: Final = 253_402_300_799 - DAY
_MODES: Final = {FileMode.REGULAR: b"100644", FileMode.EXECUTABLE: b"100755", FileMode.SYMLINK: b"120000"}
_SUBMODULE: Final = b"160000"
COMPARED_BYTES: Final = 4_194_304
Folder = dict[str, "FileChange | Folder"]


def write_commit(
    repository: pygit2.Repository,
    objects: NewObjects,
    parent: str | None,
    changes: Sequence[FileChange],
    who: tuple[Signature, Signature],
    message: str,
    allow_empty: bool,
) -> CommitInfo:
    """The new commit, with the size that Git will tell of it."""
    check_changes(changes)
    before = None if parent is None else str(find(repository, parent).tree_id)
    size = _Size(repository)
    tree = _Trees(repository, objects, size).build(before, _folders(changes), "") or objects.tree({})
    if tree == before and not allow_empty:
        raise EmptyChange("the changes leave every file as it is")
    parents = () if parent is None else (parent,)
    author, committer = (_signature(one) for one in who)
    sha = objects.commit(tree, parents, (author, committer), message)
    objects.store()
    return CommitInfo(
        sha=sha,
        tree_hash=tree,
        parents=parents,
        author=person(author),
        committer=person(committer),
        message=message,
        files_changed=size.files,
        insertions=size.insertions,
        deletions=size.deletions,
    )


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


def person(one: pygit2.Signature) -> Signature:
    """Whatever was pushed is told: bytes that are no UTF-8 are replaced, times beyond the calendar are its ends."""
    zone = timezone(timedelta(minutes=one.offset)) if abs(one.offset) < DAY // 60 else UTC
    when = datetime.fromtimestamp(min(max(one.time, 0), LATEST), UTC).astimezone(zone)
    return Signature(
        name=one.raw_name.decode("utf-8", "replace"), email=one.raw_email.decode("utf-8", "replace"), when=when
    )


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


class _Size:
    """What the commit changes against its parent, counted as ``embedded_diff.counted`` counts it."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._odb = repository.odb
        self.files = self.insertions = self.deletions = 0

    def count(self, old: Entry | None, new: Entry | None, content: bytes | None) -> None:
        """One path; what becomes another kind of thing goes and comes. ``content`` None is nothing or too large."""
        if old == new:
            return
        if old is not None and new is not None and _kind(old) != _kind(new):
            self.count(old, None, None)
            self.count(None, new, content)
            return
        self.files += 1
        before = None if old is None else self._content(old)
        if (old is None) is (before is None) and (new is None) is (content is None):
            patch = pygit2.Patch.create_from(before, content)
            self.insertions += patch.line_stats[1]
            self.deletions += patch.line_stats[2]

    def _content(self, entry: Entry) -> bytes | None:
        """None when it is too large to compare."""
        if entry.mode == _SUBMODULE:
            return f"Subproject commit {entry.sha}\n".encode()
        sha = pygit2.Oid(hex=entry.sha)
        return None if self._odb.read_header(sha)[1] > COMPARED_BYTES else bytes(self._odb.read(sha)[1])


@dataclass(frozen=True, slots=True)
class _Trees:
    """Folders as they shall be; only those that change are read and made."""

    repository: pygit2.Repository
    objects: NewObjects
    size: _Size

    def build(self, before: str | None, folder: Folder, path: str) -> str | None:
        """The folder's new tree, or None when nothing is left in it."""
        stood = {} if before is None else entries(self.repository, before)
        stands = dict(stood)
        names = {name.casefold(): name for name in stood}
        for name, change in folder.items():
            where = f"{path}{name}"
            old = stood.get(name)
            if isinstance(change, FileChange) and change.delete:
                if old is None or old.mode == TREE:
                    raise InvalidChange(change.path, "there is no such file to delete")
                self.size.count(old, None, None)
                del stands[name]
                continue
            clash = names.get(name.casefold())
            if clash is not None and clash != name and not _goes(folder.get(clash)):
                raise InvalidChange(where, f"differs from {path}{clash!s} in case only")
            self._put(stands, name, change, old, where)
        return self.objects.tree(stands) if stands else None

    def _put(
        self, stands: dict[str, Entry], name: str, change: "FileChange | Folder", old: Entry | None, where: str
    ) -> None:
        if isinstance(change, FileChange):
            if old is not None and old.mode == TREE:
                raise InvalidChange(where, "a folder stands there: delete its files first")
            sha, content = self._blob(change.content or b"", old)
            stands[name] = Entry(_MODES[change.mode], sha)
            self.size.count(old, stands[name], content)
            return
        if old is not None and old.mode != TREE:
            raise InvalidChange(where, "a file stands there: delete it in a commit before")
        inner = self.build(None if old is None else old.sha, change, f"{where}/")
        if inner is not None:
            stands[name] = Entry(TREE, inner)
        elif old is not None:
            del stands[name]

    def _blob(self, content: bytes | Stream, old: Entry | None) -> tuple[str, bytes | None]:
        """The sha, and the content when it is not too large to compare; what comes as a stream is not held then."""
        if isinstance(content, Stream):
            with content.open() as source:
                if content.size > COMPARED_BYTES:
                    made = self.repository.create_blob_fromiobase(source)
                    self.repository.odb.read_header(made)  # what was there already may be empty
                    return str(made), None
                content = source.read()
        sha = self.objects.blob(content, None if old is None else old.sha)
        return sha, content if len(content) <= COMPARED_BYTES else None


def _goes(change: "FileChange | Folder | None") -> bool:
    return isinstance(change, FileChange) and change.delete


def _kind(entry: Entry) -> bytes:
    """Git's kind of a mode: a file's bits are no other kind."""
    return entry.mode[:3]
