"""Git in memory: libgit2 over objects and refs that end with the process."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pygit2

from providers.errors import ProviderUnavailable
from providers.git import embedded_reading as reading
from providers.git.durability import Durability
from providers.git.embedded import EmbeddedGit
from providers.git.embedded_objects import NewObjects
from providers.git.errors import RefMoved, RepositoryMissing, RevisionMissing
from providers.git.paths import check_branch_name
from providers.git.values import RepositoryKey

Held = dict[str, tuple[int, bytes]]


@dataclass(frozen=True)
class _Kept:
    """One repository: its objects as (type, content) by sha, and its branches."""

    objects: Held = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)


class MemoryGit(EmbeddedGit):
    """As the embedded one, but without a folder that stock git could serve."""

    def __init__(self) -> None:
        super().__init__(Path(), Durability(Path(), lambda _: None))
        self._kept: dict[RepositoryKey, _Kept] = {}
        self._turn = threading.Lock()

    def path(self, key: RepositoryKey) -> Path:
        """ProviderUnavailable: nothing on the disk."""
        raise ProviderUnavailable(f"repository {key.repository_id.hex} is in memory: git's own programs cannot read it")

    def held(self, key: RepositoryKey) -> tuple[Held, dict[str, str]]:
        """The objects and branches as they are now."""
        kept = self._of(key)
        return dict(kept.objects), dict(kept.branches)

    def _of(self, key: RepositoryKey) -> _Kept:
        try:
            return self._kept[key]
        except KeyError as error:
            raise RepositoryMissing(f"repository {key.repository_id.hex} is not on this machine") from error

    def _open(self, key: RepositoryKey) -> pygit2.Repository:
        return _Repository(self._of(key).objects)

    def _objects(self, repository: pygit2.Repository) -> NewObjects:
        return _Objects(repository)

    async def create(self, key: RepositoryKey, *, default_branch: str) -> None:
        """Nothing reads a HEAD here."""
        check_branch_name(default_branch)
        self._kept.setdefault(key, _Kept())

    async def refs(self, key: RepositoryKey, *, containing: str | None = None) -> dict[str, str]:
        """Branches only."""
        found, repository = self.held(key)[1], self._open(key)
        if containing is None:
            return found
        try:
            return {name: sha for name, sha in found.items() if reading.is_ancestor(repository, containing, sha)}
        except RevisionMissing:
            return {}

    async def head(self, key: RepositoryKey, branch: str) -> str | None:
        """The branch's sha, or None."""
        return self._of(key).branches.get(branch)

    async def swap(self, key: RepositoryKey, branch: str, *, old: str | None, new: str | None) -> None:
        """As files are: no branch stands where another has its folder."""
        check_branch_name(branch)
        kept = self._of(key)
        with self._turn:
            stands = kept.branches.get(branch)
            crossed = any(f"{one}/".startswith(f"{branch}/") or f"{branch}/".startswith(f"{one}/")
                          for one in kept.branches if one != branch)  # fmt: skip
            if stands != old or (new is not None and (crossed or new not in kept.objects)):
                raise RefMoved(branch, old, stands)
            if new is None:
                kept.branches.pop(branch, None)
            else:
                kept.branches[branch] = new

    async def maintain(self, key: RepositoryKey) -> None:
        """Nothing is packed here."""
        self._of(key)


class _Backend(pygit2.OdbBackend):
    """Objects in a dictionary; a KeyError is libgit2's own way to hear that one is absent."""

    def __init__(self, held: Held) -> None:
        super().__init__()
        self._held = held

    def read_cb(self, oid: pygit2.Oid) -> tuple[int, bytes]:
        """Type and content."""
        return self._held[str(oid)]

    def read_prefix_cb(self, oid: pygit2.Oid) -> tuple[int, bytes, pygit2.Oid]:
        """Of whole shas only."""
        return *self.read_cb(oid), oid

    def read_header_cb(self, oid: pygit2.Oid) -> tuple[int, int]:
        """Type and size."""
        kind, content = self._held[str(oid)]
        return kind, len(content)

    def exists_cb(self, oid: pygit2.Oid) -> bool:
        """Whether it is held."""
        return str(oid) in self._held

    def write_cb(self, oid: pygit2.Oid, content: bytes, kind: int) -> None:
        """Keeps a copy."""
        self._held[str(oid)] = (kind, bytes(content))

    def refresh_cb(self) -> None:
        """Nothing changes behind its back."""


class _Repository(pygit2.Repository):
    """A handle on the objects, for one call."""

    def __init__(self, held: Held) -> None:
        super().__init__()
        odb = pygit2.Odb()
        odb.add_backend(_Backend(held), 1)
        self.set_odb(odb)

    def create_blob_fromiobase(self, iobase: Any) -> pygit2.Oid:
        """libgit2 streams by way of a file in the repository's folder."""
        return self.create_blob(iobase.read())


class _Objects(NewObjects):
    """A commit's objects, kept by the handle's backend."""

    def store(self) -> None:
        """Oldest first."""
        kinds = {b"blob": pygit2.enums.ObjectType.BLOB, b"tree": pygit2.enums.ObjectType.TREE,
                 b"commit": pygit2.enums.ObjectType.COMMIT}  # fmt: skip
        for framed in self._made.values():
            head, _, content = framed.partition(b"\0")
            self.repository.write(kinds[head.split(b" ")[0]], content)
