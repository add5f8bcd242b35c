"""Which paths, contents and branch names may enter a repository; pure."""

import re
from collections.abc import Sequence
from typing import Final

from providers.git.errors import InvalidBranchName, InvalidChange, InvalidPath, InvalidSha
from providers.git.values import FileChange, FileMode, Stream

MOST_CHANGES: Final = 10_000
MOST_BYTES: Final = 100 * 1024 * 1024
LONGEST: Final = 4_096
LONGEST_NAME: Final = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_IGNORED = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_SHA = re.compile(r"[0-9a-f]{40}")
_SHORT_GIT = re.compile(r"git~\d+", re.IGNORECASE)


def check_path(path: str) -> str:
    """The path itself; InvalidChange for one that could leave the tree or reach a client's ``.git``."""
    if not path or len(path.encode("utf-8", "surrogatepass")) > LONGEST:
        raise InvalidChange(path, f"a path has 1 to {LONGEST} bytes")
    if _CONTROL.search(path):
        raise InvalidChange(path, "control characters are refused in paths: rename the file")
    if "\\" in path:
        raise InvalidChange(path, "use '/' between folders, not a backslash")
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise InvalidChange(path, "a path is valid UTF-8") from error
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            raise InvalidChange(path, "a path is relative, without empty parts, '.' or '..'")
        if len(part.encode()) > LONGEST_NAME:
            raise InvalidChange(
                path, f"a name in a path has at most {LONGEST_NAME} bytes: file systems hold no longer one"
            )
        plain = _IGNORED.sub("", part).rstrip(". ").split(":")[0].lower()
        if plain == ".git" or _SHORT_GIT.fullmatch(plain):
            raise InvalidChange(path, "'.git' and what file systems take for it is refused as a name")
    return path


def check_read_path(path: str, *, folder: bool = False) -> str:
    """The path itself; InvalidPath for one that no tree can hold, so that a slip is told from an absence."""
    if folder and not path:
        return path
    if not path or len(path.encode("utf-8", "surrogatepass")) > LONGEST:
        raise InvalidPath(path, f"a path has 1 to {LONGEST} bytes")
    if _CONTROL.search(path):
        raise InvalidPath(path, "a path has no control characters")
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise InvalidPath(path, "a path is relative, without empty parts, '.' or '..'")
    return path


def check_changes(changes: Sequence[FileChange]) -> None:
    """The change set as a whole; InvalidChange names the first path that cannot be."""
    if len(changes) > MOST_CHANGES:
        raise InvalidChange("", f"{len(changes):,} changes are over the limit of {MOST_CHANGES:,} a commit: push them")
    total = sum(_size(change.content) for change in changes)
    if total > MOST_BYTES:
        raise InvalidChange("", f"{total:,} bytes are over the limit of {MOST_BYTES:,} a commit: push them")
    folded: dict[str, str] = {}
    for change in changes:
        check_path(change.path)
        other = folded.setdefault(change.path.casefold(), change.path)
        if other != change.path:
            raise InvalidChange(change.path, f"differs from {other!r} in case only")
        if change.delete == (change.content is not None):
            raise InvalidChange(change.path, "give either content or delete")
        if change.mode is FileMode.SYMLINK and change.content is not None:
            if not isinstance(change.content, bytes):
                raise InvalidChange(change.path, "a symlink's target is given as content, not as an upload")
            check_link(change.path, change.content)
    if len(folded) < len(changes):
        raise InvalidChange("", "a path stands in the changes twice: give each path once")
    written = {change.path for change in changes if not change.delete}
    for path in written:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in written:
                raise InvalidChange(path, f"{'/'.join(parts[:depth])!r} cannot be a file and a folder")


def _size(content: bytes | Stream | None) -> int:
    return content.size if isinstance(content, Stream) else len(content or b"")


def check_link(path: str, target: bytes) -> None:
    """InvalidChange for a symlink that leaves the tree, or that Git would read as a file of its own."""
    if path.rsplit("/", 1)[-1].lower() in {".gitmodules", ".gitattributes", ".gitignore"}:
        raise InvalidChange(path, "this file cannot be a symlink")
    text = target.decode("utf-8", "replace")
    depth = path.count("/")
    if not text or text.startswith("/") or "\\" in text or _CONTROL.search(text):
        raise InvalidChange(path, "a symlink's target is a relative path within the tree")
    for part in text.split("/"):
        depth += -1 if part == ".." else part not in {"", "."}
        if depth < 0:
            raise InvalidChange(path, f"the symlink's target {text[:80]!r} leaves the tree")


def check_branch_name(name: str) -> str:
    """The name itself; InvalidBranchName says which of Git's rules it breaks."""
    if not 1 <= len(name.encode("utf-8", "surrogatepass")) <= 200:
        raise InvalidBranchName(name, "it has 1 to 200 bytes")
    if not name.isprintable() or any(mark in name for mark in " ~^:?*[\\") or "@{" in name or name == "@":
        raise InvalidBranchName(name, "spaces, control characters and ~ ^ : ? * [ \\ @{ are refused")
    if ".." in name or name.startswith(("-", "/")) or name.endswith(("/", ".")) or "//" in name:
        raise InvalidBranchName(name, "'..', '//', a leading '-' or '/' and a trailing '/' or '.' are refused")
    if any(part.startswith(".") or part.endswith(".lock") for part in name.split("/")) or name.upper() == "HEAD":
        raise InvalidBranchName(name, "no part starts with '.' or ends with '.lock', and HEAD is taken")
    if _SHA.fullmatch(name.lower()):
        raise InvalidBranchName(name, "40 hex digits would be taken for a sha")
    return name


def check_sha(sha: str) -> str:
    """The sha itself; InvalidSha unless it is written in full."""
    if not _SHA.fullmatch(sha):
        raise InvalidSha(sha)
    return sha
