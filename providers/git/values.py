"""What goes into and comes out of a Git provider."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BufferedIOBase
from typing import Final
from uuid import UUID

BRANCHES: Final = "refs/heads/"
TAGS: Final = "refs/tags/"


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryKey:
    """Where a repository lies; names may change, these do not."""

    tenant_id: UUID
    repository_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """Who and when; ``when`` has a zone and counts in whole seconds."""

    name: str
    email: str
    when: datetime


class FileMode(StrEnum):
    """What a file is."""

    REGULAR = "REGULAR"
    EXECUTABLE = "EXECUTABLE"
    SYMLINK = "SYMLINK"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Content that is not held in memory: its size in bytes, and what opens it to be read by a thread."""

    size: int
    open: Callable[[], BufferedIOBase]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChange:
    """One file as it shall be, or gone; a symlink's content is its target."""

    path: str
    content: bytes | Stream | None = None
    mode: FileMode = FileMode.REGULAR
    delete: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitInfo:
    """A commit with its size against its first parent."""

    sha: str
    tree_hash: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str
    files_changed: int
    insertions: int
    deletions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeEntry:
    """A file or folder of a tree; ``mode`` is Git's octal, ``size`` is None for a folder."""

    path: str
    name: str
    kind: str
    mode: str
    size: int | None
    sha: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FileContent:
    """A file at a commit."""

    path: str
    sha: str
    size: int
    mode: str
    data: bytes


class FileStatus(StrEnum):
    """What happened to a file."""

    ADDED = "ADDED"
    DELETED = "DELETED"
    MODIFIED = "MODIFIED"
    RENAMED = "RENAMED"
    TYPE_CHANGED = "TYPE_CHANGED"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDiff:
    """What happened to one file; lines are None when it is binary or too large to compare.

    ``patch`` is None when it is binary or not asked for, and when it is ``truncated``: over a bound.
    """

    path: str
    old_path: str | None
    status: FileStatus
    insertions: int | None
    deletions: int | None
    patch: str | None
    is_binary: bool
    truncated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    """What ``head_sha`` changed since ``base_sha`` (None: since nothing); ``files_changed`` counts all."""

    base_sha: str | None
    head_sha: str
    files_changed: int
    files: tuple[FileDiff, ...]

    @property
    def truncated(self) -> bool:
        """Whether files are left out."""
        return len(self.files) < self.files_changed


@dataclass(frozen=True, kw_only=True, slots=True)
class MergePreview:
    """Whether a merge would be clean, and the paths where it would not."""

    mergeable: bool
    conflicts: tuple[str, ...]


class MergeMethod(StrEnum):
    """How a source joins its target."""

    MERGE = "MERGE"
    SQUASH = "SQUASH"
    FAST_FORWARD = "FAST_FORWARD"


@dataclass(frozen=True, kw_only=True, slots=True)
class RefUpdate:
    """One ref as it stands and as it shall stand, by its full name; None as old makes it, None as new deletes it."""

    ref: str
    old: str | None
    new: str | None

    @property
    def branch(self) -> str | None:
        """The branch's name, or None for any other ref."""
        return self.ref.removeprefix(BRANCHES) if self.ref.startswith(BRANCHES) else None
