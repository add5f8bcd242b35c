"""Whether what a push brings may be checked out: the rules that commits by API keep, asked of Git's own diff."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

import pygit2
from pygit2.enums import RepositoryOpenFlag

from providers.git.errors import InvalidChange, PushCorrupt
from providers.git.paths import LONGEST, check_link, check_path
from providers.git.processes import stream

_WALK = ("log", "--format=", "--raw", "-z", "-r", "-c", "--root", "--no-renames", "--no-abbrev", "--no-show-signature")
_SYMLINK = b"120000"
_GONE = b"000000"


async def check_incoming(folder: Path, aside: Path, tips: Sequence[str], env: Mapping[str, str]) -> None:
    """PushCorrupt for a path or symlink of any new commit that could leave a checkout, or a tip that differs in case.

    A name that only some file systems confuse is looked for where a branch will stand, not in what lies behind it.
    """
    checked: set[bytes] = set()
    added: set[str] = set()
    links: set[tuple[str, str]] = set()
    async for mode, sha, status, raw in _changes(folder, aside, tips, env):
        if mode == _GONE:
            continue
        if raw not in checked:
            checked.add(raw)
            _checked(raw)
        if mode == _SYMLINK:
            links.add((raw.decode(), sha.decode()))
        if b"A" in status:
            added.add(raw.decode())
    if links or added:
        await asyncio.to_thread(_look, folder, aside, tips, added, links)


async def _changes(
    folder: Path, aside: Path, tips: Sequence[str], env: Mapping[str, str]
) -> AsyncIterator[tuple[bytes, bytes, bytes, bytes]]:
    """(mode, sha, status, path) of every file that a new commit holds otherwise than all of its parents."""
    with tempfile.TemporaryFile(dir=aside) as wanted:
        wanted.write("".join(f"{tip}\n" for tip in tips).encode())
        wanted.seek(0)
        left, head = b"", b""
        arguments = [*_WALK, "--stdin", "--not", "--all"]
        async for chunk in stream(arguments, folder, source=wanted, env=env):
            *tokens, left = (left + chunk).split(b"\0")
            for token in tokens:
                if head:
                    yield *_parsed(head), token
                    head = b""
                else:
                    head = token.lstrip(b"\n")


def _parsed(head: bytes) -> tuple[bytes, bytes, bytes]:
    """Of a merge there are as many old modes and shas as colons."""
    words = head.split()
    parents = head.count(b":")
    return words[parents].lstrip(b":"), words[2 * parents + 1], words[-1]


def _checked(raw: bytes) -> None:
    try:
        check_path(raw.decode())
    except UnicodeDecodeError as error:
        raise PushCorrupt(f"{raw[:200]!r}: a path is valid UTF-8") from error
    except InvalidChange as error:
        raise PushCorrupt(str(error)) from error


def _look(folder: Path, aside: Path, tips: Sequence[str], added: set[str], links: set[tuple[str, str]]) -> None:
    repository = pygit2.Repository(str(folder), RepositoryOpenFlag.NO_SEARCH)
    repository.odb.add_disk_alternate(str(aside))
    for path, sha in sorted(links):
        blob = repository[sha]
        target = blob.data if isinstance(blob, pygit2.Blob) and blob.size <= LONGEST else b""
        try:
            check_link(path, target)
        except InvalidChange as error:
            raise PushCorrupt(str(error)) from error
    seen: set[pygit2.Oid] = set()
    for tip in dict.fromkeys(tips):
        with contextlib.suppress(pygit2.InvalidSpecError):  # a tag may name a blob
            _check_case(repository[tip].peel(pygit2.Tree), added, seen)


def _check_case(root: pygit2.Tree, added: Iterable[str], seen: set[pygit2.Oid]) -> None:
    """Only folders that the push adds to are looked at, each tree once."""
    folders = {path[:end] for path in added for end in _folders(path)}
    for folder in sorted(folders):
        tree = _at(root, folder)
        if tree is None or tree.id in seen:
            continue
        seen.add(tree.id)
        folded: dict[str, str] = {}
        for entry in tree:
            name = str(entry.name)
            other = folded.setdefault(name.casefold(), name)
            if other != name:
                where = f"{folder}/" if folder else ""
                raise PushCorrupt(f"{where + name!r}: differs from {where + other!r} in case only: rename one of them")


def _folders(path: str) -> list[int]:
    return [0, *(at for at, letter in enumerate(path) if letter == "/")]


def _at(root: pygit2.Tree, folder: str) -> pygit2.Tree | None:
    try:
        found = root[folder] if folder else root
    except KeyError:
        return None
    return found if isinstance(found, pygit2.Tree) else None
