"""The port to blobs: written once as a stream, read by range, removed by a sweep."""

import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from io import BufferedIOBase
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from providers.blobs.errors import DigestInvalid

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def checked(digest: str) -> str:
    """The digest; DigestInvalid when it is not written as one."""
    if not _DIGEST.fullmatch(digest):
        raise DigestInvalid(digest)
    return digest


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobKey:
    """A tenant and a digest, of sha256 or sha512; the same content of two tenants, or digested twice, is two blobs."""

    tenant_id: UUID
    digest: str

    def __post_init__(self) -> None:
        checked(self.digest)

    @property
    def algorithm(self) -> str:
        """``sha256`` or ``sha512``."""
        return self.digest.partition(":")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """What is stored; ``stored_at`` is when it was put last."""

    key: BlobKey
    size: int
    stored_at: datetime


class Blobs(Protocol):
    """Any number of threads, loops and processes may ask at once. ProviderUnavailable when the store does not answer.

    A blob is whole or absent, and on the disk before ``put`` answers. What another tenant holds cannot be told.
    """

    async def put(self, tenant_id: UUID, content: AsyncIterable[bytes], *, expected: str | None = None) -> Blob:
        """Stores the stream; content that is there already is stored anew. Whatever the stream raises passes through,
        and nothing is kept; so it is after BlobMismatch. DigestInvalid before anything is read. What is expected says
        how it is digested; without, by sha256.
        """
        ...

    async def adopt(self, key: BlobKey, path: Path) -> Blob:
        """Takes a file away that nobody writes to any more, as if its content had been put; BlobMismatch leaves it."""
        ...

    def open(self, key: BlobKey, *, start: int = 0, end: int | None = None) -> BufferedIOBase:
        """The bytes from start up to end, to be read and closed by a thread: it blocks. BlobMissing, RangeInvalid.

        What is open can be read to its end, even when it is deleted meanwhile.
        """
        ...

    async def stat(self, key: BlobKey) -> Blob | None:
        """The blob without its content, or None."""
        ...

    async def delete(self, key: BlobKey, *, before: datetime) -> bool:
        """Whether it was there, put last before that time, and is gone; one that was put anew stays."""
        ...

    def older(self, before: datetime) -> AsyncIterator[Blob]:
        """Every tenant's blobs that were put last before that time, in no order; for a sweep."""
        ...

    async def tidy(self, before: datetime) -> int:
        """Removes what puts left that ended with their process and wrote last before that time; says how many."""
        ...
