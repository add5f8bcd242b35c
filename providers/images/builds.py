"""From what a build left to what an image is made of: zip files, wheels among them, unpacked into two layers."""

import io
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from providers.images.assembly import File, Recipe, TreeInvalid

DEPENDENCIES: Final = "app/dependencies"
CODE: Final = "app/code"
MOST_FILES: Final = 50_000
MOST_BYTES: Final = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """A build's artifacts as bytes; ``code`` is what the module's own build made, ``dependencies`` what it needs."""

    code: Sequence[bytes]
    dependencies: Sequence[bytes] = ()
    command: Sequence[str] = ()
    language: str
    epoch: int
    revision: str
    version: str
    port: int | None = None


def recipe_of(build: Build) -> Recipe:
    """Python finds both layers; what is in ``code`` goes before what is in ``dependencies``. TreeInvalid."""
    room = _Room()
    trees = [room.unpacked(DEPENDENCIES, build.dependencies), room.unpacked(CODE, build.code)]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    if build.language == "PYTHON":
        environment |= {"PYTHONPATH": f"/{CODE}:/{DEPENDENCIES}", "PYTHONDONTWRITEBYTECODE": "1"}
    if build.port is not None:
        environment["PORT"] = str(build.port)
    return Recipe(
        layers=trees,
        epoch=build.epoch,
        revision=build.revision,
        version=build.version,
        entrypoint=tuple(build.command),
        environment=environment,
        working_folder=f"/{CODE}",
        port=build.port,
    )


class _Room:
    """What all archives together may unpack to, whatever they say of themselves."""

    def __init__(self) -> None:
        self._files, self._bytes = MOST_FILES, MOST_BYTES

    def unpacked(self, folder: str, archives: Sequence[bytes]) -> Mapping[str, File]:
        """The same file in two archives must be the same; a later one that differs is refused."""
        tree: dict[str, File] = {}
        for content in archives:
            for path, file in self._members(content):
                place = f"{folder}/{path}"
                if tree.setdefault(place, file) != file:
                    raise TreeInvalid(f"{place[:200]!r} comes from two archives that differ")
        return tree

    def _members(self, content: bytes) -> list[tuple[str, File]]:
        found = []
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for member in archive.infolist():
                    if member.is_dir():
                        continue
                    found.append((member.filename, self._file(archive, member)))
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            raise TreeInvalid(f"an artifact is not a zip file that can be read: {str(error)[:200]}") from error
        return found

    def _file(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> File:
        self._files -= 1
        with archive.open(member) as source:
            content = source.read(self._bytes + 1)
        self._bytes -= len(content)
        if self._files < 0 or self._bytes < 0:
            raise TreeInvalid(f"the artifacts unpack to over {MOST_FILES:,} files or {MOST_BYTES:,} bytes")
        mode = member.external_attr >> 16
        if stat.S_ISLNK(mode):
            raise TreeInvalid(f"{member.filename[:200]!r} is a link: an artifact has files only")
        return File(content=content, executable=bool(mode & 0o111))
