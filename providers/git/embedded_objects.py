"""New objects of one commit: hashed in memory, then stored together as Git's loose files.

libgit2 makes some twenty system calls for an object and holds the interpreter's lock through all of them; this makes
four and holds it through none.
"""

import contextlib
import hashlib
import os
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pygit2

from providers.errors import ProviderUnavailable

TREE: Final = b"40000"
_LEVEL: Final = 1  # as Git's own for loose objects


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under a name in a folder; ``mode`` is Git's octal."""

    mode: bytes
    sha: str


Entries = Mapping[str, Entry]


def entries(repository: pygit2.Repository, tree: str) -> dict[str, Entry]:
    """A folder's entries by name, in Git's order; bytes that are no UTF-8 come back as they were."""
    data = repository.read(pygit2.Oid(hex=tree))[1]
    found, at = {}, 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        found[data[space + 1 : end].decode("utf-8", "surrogateescape")] = Entry(
            data[at:space], data[end + 1 : end + 21].hex()
        )
        at = end + 21
    return found


class NewObjects:
    """Objects of one repository that nobody sees before ``store``; each is added after what it names."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self.repository = repository
        self._folder = os.path.join(repository.path or "", "objects")
        self._made: dict[str, bytes] = {}

    def blob(self, content: bytes, stands: str | None) -> str:
        """The sha, by libgit2, whose SHA-1 refuses contents made to collide; ``stands`` is a sha that is reached."""
        sha = str(pygit2.hash(content))
        if sha != stands:
            self._made[sha] = _framed(b"blob", content)
        return sha

    def tree(self, folder: Entries) -> str:
        """The sha of a folder with these entries."""
        ordered = sorted((_place(name, entry), entry) for name, entry in folder.items())
        parts = [b"%s %s\0%s" % (e.mode, place.removesuffix(b"/"), bytes.fromhex(e.sha)) for place, e in ordered]
        return self._add(b"tree", b"".join(parts))

    def commit(
        self, tree: str, parents: tuple[str, ...], who: tuple[pygit2.Signature, pygit2.Signature], message: str
    ) -> str:
        """The sha of a commit; ``who`` are author and committer."""
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [role + _line(one) for role, one in zip((b"author ", b"committer "), who, strict=True)]
        return self._add(b"commit", b"\n".join([*lines, b"", message.encode()]))

    def store(self) -> None:
        """Each whole under a name that gc sweeps, then all renamed, oldest first; ProviderUnavailable on a full disk.

        What is there already is written again: after a loss of power it may be empty, and gc may take it for abandoned.
        """
        token, aside = secrets.token_hex(8), dict[str, str]()
        try:
            for sha, framed in self._made.items():
                aside[sha] = f"{self._folder}/tmp_obj_{token}_{len(aside)}"
                _write(aside[sha], _deflated(framed))
            for sha in tuple(aside):
                _rename(aside[sha], self._place(sha))
                del aside[sha]
        except OSError as error:
            raise ProviderUnavailable(f"the disk did not take what Git wrote: {error.strerror}") from error
        finally:
            for left in aside.values():
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(left)

    def _add(self, kind: bytes, content: bytes) -> str:
        framed = _framed(kind, content)
        sha = hashlib.sha1(framed, usedforsecurity=False).hexdigest()
        self._made[sha] = framed
        return sha

    def _place(self, sha: str) -> str:
        return f"{self._folder}/{sha[:2]}/{sha[2:]}"


def _framed(kind: bytes, content: bytes) -> bytes:
    return b"%s %d\0%s" % (kind, len(content), content)


def _place(name: str, entry: Entry) -> bytes:
    """A folder sorts as if its name ended with a slash."""
    raw = name.encode("utf-8", "surrogateescape")
    return raw + b"/" if entry.mode == TREE else raw


def _line(one: pygit2.Signature) -> bytes:
    sign, minutes = "-" if one.offset < 0 else "+", abs(one.offset)
    zone = f"{sign}{minutes // 60:02}{minutes % 60:02}"
    return b"%s <%s> %d %s" % (one.raw_name, one.raw_email, one.time, zone.encode())


def _deflated(framed: bytes) -> bytes:
    """The window no larger than what is in it: zlib's usual quarter of a MiB is a page fault for each 4 KiB of it."""
    window = min(15, max(9, len(framed).bit_length()))
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, window, window - 7)
    return packer.compress(framed) + packer.flush()


def _write(path: str, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


def _rename(old: str, new: str) -> None:
    try:
        os.rename(old, new)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(new), exist_ok=True)
        os.rename(old, new)
