"""Images put together from trees of files: a pure function, so that the same inputs have the same digest.

Archives and config are the same on any machine; the compressed layers, and so the image, wherever zlib is the same.
"""

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from providers.images.errors import ImageRejected
from providers.images.values import CONFIG, LAYER, MANIFEST, Descriptor, canonical, digest_of

LEVEL: Final = 6
FOLDER_MODE: Final = 0o755
REVISION: Final = "org.opencontainers.image.revision"
VERSION: Final = "org.opencontainers.image.version"


class TreeInvalid(ImageRejected):
    """A path that can be no file of an image."""

    code = "MANIFEST_INVALID"


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """Bytes, or where a symbolic link leads; of the modes only whether it may be executed is kept."""

    content: bytes = b""
    executable: bool = False
    link: str | None = None


Tree = Mapping[str, File]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All that an image's digest depends on; ``layers`` come on top of each other, dependencies before code.

    ``epoch`` is the commit's time in seconds: SOURCE_DATE_EPOCH.
    """

    layers: Sequence[Tree]
    epoch: int
    revision: str
    version: str
    entrypoint: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: str = "/"
    port: int | None = None
    architecture: str = "amd64"
    system: str = "linux"


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """What is pushed: blobs by digest, each once, then the manifest."""

    manifest: bytes
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """The manifest's."""
        return digest_of(self.manifest)


def assemble(recipe: Recipe) -> Image:
    """Layers that have nothing in them are left out; TreeInvalid."""
    packed = [_pack(tree, recipe.epoch) for tree in recipe.layers if tree]
    layers = [_compress(content) for content in packed]
    config = canonical(_config(recipe, [digest_of(content) for content in packed]))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _described(config, CONFIG),
        "layers": [_described(layer, LAYER) for layer in layers],
        "annotations": _labels(recipe),
    }
    return Image(manifest=canonical(manifest), blobs={digest_of(blob): blob for blob in (*layers, config)})


def _config(recipe: Recipe, layers: Sequence[str]) -> dict[str, object]:
    created = datetime.fromtimestamp(recipe.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    run: dict[str, object] = {
        "Env": [f"{name}={value}" for name, value in sorted(recipe.environment.items())],
        "Entrypoint": list(recipe.entrypoint),
        "WorkingDir": recipe.working_folder,
        "Labels": _labels(recipe),
    }
    if recipe.port is not None:
        run["ExposedPorts"] = {f"{recipe.port}/tcp": {}}
    return {
        "created": created,
        "architecture": recipe.architecture,
        "os": recipe.system,
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": list(layers)},
        "history": [{"created": created, "created_by": "slipway"} for _ in layers],
    }


def _labels(recipe: Recipe) -> dict[str, str]:
    """Neither run nor trace: those belong to the provenance."""
    return {REVISION: recipe.revision, VERSION: recipe.version}


def _pack(tree: Tree, epoch: int) -> bytes:
    """Sorted by path, each folder before what is in it, everything root's and of one time."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as packed:
        for path, file in sorted(_with_folders(tree).items()):
            member = tarfile.TarInfo(path)
            member.mtime = epoch
            if file is None:
                member.type, member.mode = tarfile.DIRTYPE, FOLDER_MODE
            elif file.link is not None:
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, file.link, 0o777
            else:
                member.size, member.mode = len(file.content), 0o755 if file.executable else 0o644
            packed.addfile(member, io.BytesIO(file.content) if file is not None and file.link is None else None)
    return archive.getvalue()


def _with_folders(tree: Tree) -> dict[str, File | None]:
    """None for a folder."""
    entries: dict[str, File | None] = {}
    for path, file in tree.items():
        entries[_checked(path)] = file
    for path in tree:
        for folder in PurePosixPath(path).parents:
            if str(folder) == ".":
                continue
            if entries.setdefault(str(folder), None) is not None:
                raise TreeInvalid(f"{folder} is a file, and {path[:200]!r} is in it")
    return entries


def _checked(path: str) -> str:
    parts = path.split("/")
    whiteout = any(part.startswith(".wh.") for part in parts)
    if not path.isprintable() or any(part in {"", ".", ".."} for part in parts) or whiteout:
        raise TreeInvalid(f"{path[:200]!r} is no path within an image: names with / between would pass")
    return path


def _compress(content: bytes) -> bytes:
    """A header without name and time, whose system byte Python leaves to zlib before 3.13."""
    packed = bytearray(gzip.compress(content, LEVEL, mtime=0))
    packed[9] = 255
    return bytes(packed)


def _described(content: bytes, media_type: str) -> dict[str, object]:
    return Descriptor(media_type=media_type, digest=digest_of(content), size=len(content)).document()
