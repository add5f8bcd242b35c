"""What is read from Git itself and has no row: folders, files, diffs and tried merges."""

import base64
from enum import Enum

import strawberry

from providers.git.values import Diff as DiffValue
from providers.git.values import FileDiff as FileDiffValue
from providers.git.values import FileStatus
from providers.git.values import TreeEntry as TreeEntryValue
from schema.scalars import BigInt, GitSha
from services.source_control.reading import FileAt, Merge

strawberry.enum(FileStatus, description="What happened to a file.")


@strawberry.enum(description="What stands at a path.")
class EntryKind(Enum):
    """As Git names them."""

    BLOB = "BLOB"
    TREE = "TREE"
    COMMIT = "COMMIT"


@strawberry.type(description="One entry of a folder.")
class TreeEntry:
    """A file, a folder, or a submodule's commit."""

    path: str = strawberry.field(description="From the root of the repository.")
    name: str = strawberry.field(description="In its folder.")
    kind: EntryKind = strawberry.field(description="BLOB is a file, TREE a folder, COMMIT a submodule.")
    mode: str = strawberry.field(description="Git's mode, six octal digits.")
    size: BigInt | None = strawberry.field(description="Bytes of a file.")
    sha: GitSha = strawberry.field(description="Git's sha of the object.")

    @classmethod
    def of(cls, value: TreeEntryValue) -> "TreeEntry":
        """The value as a type."""
        return cls(
            path=value.path,
            name=value.name,
            kind=EntryKind(value.kind),
            mode=value.mode,
            size=None if value.size is None else BigInt(value.size),
            sha=GitSha(value.sha),
        )


@strawberry.type(description="A file at a commit, at most 1 MiB.")
class File:
    """A larger one is refused with both sizes."""

    commit_sha: GitSha = strawberry.field(description="The commit it was read at.")
    path: str = strawberry.field(description="From the root of the repository.")
    sha: GitSha = strawberry.field(description="Git's sha of the content.")
    size: BigInt = strawberry.field(description="Bytes.")
    mode: str = strawberry.field(description="Git's mode: 100644, 100755 when executable, 120000 for a symlink.")
    is_binary: bool = strawberry.field(description="Whether it is no text: it has a NUL byte or is not UTF-8.")
    text: str | None = strawberry.field(description="The content as text; null when it is binary.")
    data: strawberry.Private[bytes]

    @strawberry.field(description="The content in base64.")
    def base64(self) -> str:
        """Also of a text."""
        return base64.b64encode(self.data).decode()

    @classmethod
    def of(cls, value: FileAt) -> "File":
        """The value as a type."""
        content = value.content
        text = _text(content.data)
        return cls(
            commit_sha=GitSha(value.commit_sha),
            path=content.path,
            sha=GitSha(content.sha),
            size=BigInt(content.size),
            mode=content.mode,
            is_binary=text is None,
            text=text,
            data=content.data,
        )


@strawberry.type(description="What happened to one file.")
class FileDiff:
    """Between two commits."""

    path: str = strawberry.field(description="Where it stands now, or stood when it is DELETED.")
    old_path: str | None = strawberry.field(description="Where it stood before it was RENAMED.")
    status: FileStatus = strawberry.field(description="What happened.")
    insertions: int | None = strawberry.field(description="Lines added; null when it is binary or over 4 MiB.")
    deletions: int | None = strawberry.field(description="Lines removed; null when it is binary or over 4 MiB.")
    patch: str | None = strawberry.field(description="The unified diff; null when it is binary or truncated.")
    is_binary: bool = strawberry.field(description="Whether Git takes it for binary.")
    truncated: bool = strawberry.field(
        description="Whether its patch is left out: over 256 KiB, or over 1 MiB with those before it."
    )

    @classmethod
    def of(cls, value: FileDiffValue) -> "FileDiff":
        """The value as a type."""
        return cls(
            path=value.path,
            old_path=value.old_path,
            status=value.status,
            insertions=value.insertions,
            deletions=value.deletions,
            patch=value.patch,
            is_binary=value.is_binary,
            truncated=value.truncated,
        )


@strawberry.type(description="What one commit changed since another.")
class Diff:
    """At most 300 files."""

    base_sha: GitSha | None = strawberry.field(description="Since which commit; null: since nothing.")
    head_sha: GitSha = strawberry.field(description="Up to which commit.")
    files_changed: int = strawberry.field(description="How many files changed, also those left out.")
    files: list[FileDiff] = strawberry.field(description="The first 300 files, by path.")
    truncated: bool = strawberry.field(description="Whether files are left out.")

    @classmethod
    def of(cls, value: DiffValue) -> "Diff":
        """The value as a type."""
        return cls(
            base_sha=None if value.base_sha is None else GitSha(value.base_sha),
            head_sha=GitSha(value.head_sha),
            files_changed=value.files_changed,
            files=[FileDiff.of(one) for one in value.files],
            truncated=value.truncated,
        )


@strawberry.type(description="What merging one ref into another would do now; nothing is written.")
class MergePreview:
    """A merge that is thrown away."""

    source_sha: GitSha = strawberry.field(description="What would be merged.")
    target_sha: GitSha = strawberry.field(description="Into what.")
    is_mergeable: bool = strawberry.field(description="Whether it would merge cleanly.")
    conflicts: list[str] = strawberry.field(description="The paths that both sides changed differently.")

    @classmethod
    def of(cls, value: Merge) -> "MergePreview":
        """The value as a type."""
        return cls(
            source_sha=GitSha(value.source_sha),
            target_sha=GitSha(value.target_sha),
            is_mergeable=value.preview.mergeable,
            conflicts=list(value.preview.conflicts),
        )


def _text(data: bytes) -> str | None:
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None
