"""The port to Git's own wire protocol."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import BinaryIO, Protocol

from providers.git.values import CommitInfo, RefUpdate, RepositoryKey


class GitService(StrEnum):
    """What a client asks for, as it names it."""

    FETCH = "git-upload-pack"
    PUSH = "git-receive-pack"


class Incoming(Protocol):
    """Objects of a push that nobody sees yet; they vanish unless they are kept."""

    async def keep(self) -> None:
        """Puts the objects into the repository, where they have no effect until a ref names them; idempotent."""
        ...


class GitTransport(Protocol):
    """Serves stock clients; answers are streamed, and closing one early ends Git's process. Safe to call at once.

    Raises RepositoryMissing, and ProviderUnavailable when git cannot be run or takes too long.
    """

    def advertise(self, key: RepositoryKey, service: GitService, *, protocol: str) -> AsyncIterator[bytes]:
        """The refs and what the server can do; ``protocol`` is the Git-Protocol header."""
        ...

    def fetch(self, key: RepositoryKey, request: BinaryIO, *, protocol: str) -> AsyncIterator[bytes]:
        """The answer to a fetch, which is read from the file's descriptor; RequestMalformed when it is none."""
        ...

    def receive(self, key: RepositoryKey, pack: BinaryIO, tips: Sequence[str]) -> AbstractAsyncContextManager[Incoming]:
        """Takes a pack apart: PushCorrupt unless every object is sound and all that the tips reach is there."""
        ...

    async def arrived(
        self, key: RepositoryKey, tips: Sequence[str], *, known: Sequence[str], limit: int
    ) -> list[tuple[CommitInfo, ...]]:
        """For each tip the commits that it reaches and no known sha nor tip before does, oldest first.

        At most ``limit`` altogether; of a tip with more the newest. A tip itself is always among them, unless it is
        known or told before.
        """
        ...

    async def swap_all(self, key: RepositoryKey, updates: Sequence[RefUpdate]) -> None:
        """Moves every ref or none. RefMoved for the first that is not where it was believed or cannot be made."""
        ...
