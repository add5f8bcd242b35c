"""What a run has put out: artifacts and result files, in the blob store before anybody is told of them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final
from uuid import UUID

from providers.blobs.store import BlobKey, Blobs
from providers.pipelines.values import Produced, ProducedKind

MOST_FILES: Final = 5_000
MOST_BYTES: Final = 4 * 1024**3
MOST_CASES: Final = 20_000
_BLOCK: Final = 1_048_576
_NAME: Final = re.compile(r'[^\\/":<>|*?\x00-\x1f]{1,100}')


class NotCollected(ValueError):
    """Why it was not taken, and what would pass."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file to take; ``path`` is where it shall stand."""

    path: str
    open: Callable[[], BinaryIO]
    executable: bool = False


class Collection:
    """Of one run: all its jobs share it, and its bounds."""

    def __init__(self, blobs: Blobs, tenant_id: UUID, tell: Callable[[Sequence[Produced]], None]) -> None:
        self._blobs = blobs
        self._tenant_id = tenant_id
        self._tell = tell
        self._produced: list[Produced] = []
        self._bytes = 0
        self._cases = 0

    def artifact(self, name: str | None) -> list[Produced]:
        """The files of the artifact, or of all of them."""
        kept = [one for one in self._produced if one.kind is ProducedKind.ARTIFACT]
        return [one for one in kept if name is None or one.name.lower() == name.lower()]

    async def store(
        self, kind: ProducedKind, name: str, found: Sequence[Found], *, step: int, written: str | None = None
    ) -> list[Produced]:
        """Their content; ``keep`` makes them the run's. NotCollected, and whatever opening one raises."""
        if not _NAME.fullmatch(name):
            raise NotCollected(f'{name[:120]!r} is no name of an artifact: at most 100 characters, none of \\/":<>|*?')
        if len(self._produced) + len(found) > MOST_FILES:
            raise NotCollected(f"over {MOST_FILES} files of one run: pack them into an archive")
        stored: list[Produced] = []
        for one in found:
            file = await asyncio.to_thread(one.open)
            try:
                blob = await self._blobs.put(self._tenant_id, self._content(file, one.path))
            finally:
                file.close()
            stored.append(
                Produced(
                    number=0,
                    step=step,
                    kind=kind,
                    name=name,
                    path=one.path,
                    digest=blob.key.digest,
                    size=blob.size,
                    executable=one.executable,
                    written=written,
                )
            )
        return stored

    async def _content(self, file: BinaryIO, path: str) -> AsyncIterator[bytes]:
        while chunk := await asyncio.to_thread(file.read, _BLOCK):
            self._bytes += len(chunk)
            if self._bytes > MOST_BYTES:
                raise NotCollected(f"{path!r}: over {MOST_BYTES // 1024**3} GiB put out by one run")
            yield chunk

    def keep(self, stored: Sequence[Produced]) -> None:
        """Tells them; a file of an artifact that is there already must be the same."""
        there = {(one.name.lower(), one.path): one for one in self.artifact(None)}
        new: list[Produced] = []
        for one in stored:
            before = there.get((one.name.lower(), one.path)) if one.kind is ProducedKind.ARTIFACT else None
            if before is None:
                new.append(replace(one, number=len(self._produced) + len(new) + 1))
            elif before.digest != one.digest:
                raise NotCollected(f"artifact {one.name!r} has {one.path!r} with other content: give it another name")
        self._produced += new
        if new:
            self._tell(new)

    def count_cases(self, cases: int) -> None:
        """NotCollected beyond what one run may tell."""
        if self._cases + cases > MOST_CASES:
            raise NotCollected(f"over {MOST_CASES} test cases of one run")
        self._cases += cases

    def open(self, produced: Produced) -> BinaryIO:
        """Its content, for a thread."""
        key = BlobKey(tenant_id=self._tenant_id, digest=produced.digest)
        return self._blobs.open(key)  # type: ignore[return-value]  # a buffered reader is one
