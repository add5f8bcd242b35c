"""The feed of Python packages over every blob store: what is taken, and what is refused before anybody unpacks it."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.blobs.errors import BlobMissing
from providers.blobs.folder import BlobFolder
from providers.blobs.store import BlobKey, Blobs
from providers.fakes.blobs import MemoryBlobs
from providers.packages.errors import PackageInvalid
from providers.packages.feed import PackageFeed
from providers.packages.pypi.embedded import EmbeddedPypi
from providers.packages.pypi.names import canonical, named
from providers.packages.values import FileKind, PackageFile
from tests.packages import core_metadata, recorded, sdist, tarred, wheel, wheel_files, zipped

TENANT = UUID(int=1)
OTHER = UUID(int=2)
NAME = "thing-1.0-py3-none-any.whl"
FOLDER = "thing-1.0.dist-info"
STORES: dict[str, Callable[[Path], Blobs]] = {"folder": BlobFolder, "memory": lambda _: MemoryBlobs()}


async def one(data: bytes) -> AsyncIterator[bytes]:
    yield data


class Fed:
    """A feed and where its blobs lie."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self.feed: PackageFeed = EmbeddedPypi(blobs)

    async def publish(self, filename: str, content: bytes) -> PackageFile:
        blob = await self.blobs.put(TENANT, one(content))
        return await self.feed.publish(TENANT, filename, blob.key.digest)


@pytest.fixture(params=STORES)
def fed(request: pytest.FixtureRequest, tmp_path: Path) -> Fed:
    return Fed(STORES[request.param](tmp_path / "blobs"))


async def test_a_wheel_is_taken_with_its_metadata_beside_it(fed: Fed) -> None:
    filename, content = wheel("thing", "1.0", "Requires-Python: >=3.8")
    taken = await fed.publish(filename, content)
    assert (taken.named.name, taken.named.version, taken.named.kind) == ("thing", "1.0", FileKind.WHEEL)
    assert (taken.size, taken.requires_python) == (len(content), ">=3.8")
    assert taken.metadata_digest is not None
    with fed.blobs.open(BlobKey(tenant_id=TENANT, digest=taken.metadata_digest)) as beside:
        assert beside.read() == core_metadata("thing", "1.0", "Requires-Python: >=3.8")


async def test_the_same_again_is_the_same(fed: Fed) -> None:
    assert await fed.publish(*wheel("thing", "1.0")) == await fed.publish(*wheel("thing", "1.0"))


async def test_an_sdist_is_taken_without_metadata_beside_it(fed: Fed) -> None:
    taken = await fed.publish(*sdist("thing", "1.0", "Requires-Python: >=3.9"))
    assert (taken.named.kind, taken.requires_python, taken.metadata_digest) == (FileKind.SDIST, ">=3.9", None)


async def test_a_blob_of_another_tenant_is_not_there(fed: Fed) -> None:
    filename, content = wheel("thing", "1.0")
    blob = await fed.blobs.put(OTHER, one(content))
    with pytest.raises(BlobMissing):
        await fed.feed.publish(TENANT, filename, blob.key.digest)


@pytest.mark.parametrize(
    ("filename", "name", "version"),
    [
        ("My_Thing-1.0.0-py3-none-any.whl", "my-thing", "1.0.0"),
        ("my.thing-01.2rc1-2-cp311-cp311-manylinux_2_17_x86_64.whl", "my-thing", "1.2rc1"),
        ("my_thing-1!2.0.post1.tar.gz", "my-thing", "1!2.0.post1"),
    ],
)
def test_names_and_versions_are_told_in_one_spelling(filename: str, name: str, version: str) -> None:
    told = named(filename)
    assert (told.name, told.version) == (name, version)


@pytest.mark.parametrize(
    "filename",
    ["", "thing.whl", "thing-1.0.zip", "thing-1.0.egg", "thing-x.tar.gz", "../thing-1.0.tar.gz", "a b-1.0.tar.gz",
     "thing-1.0-py3-none-any.whl\0", "t" * 300 + "-1.0.tar.gz", "-1.0.tar.gz"],
)  # fmt: skip
def test_what_names_no_package_is_refused(filename: str) -> None:
    with pytest.raises(PackageInvalid):
        named(filename)


@given(st.text(alphabet="aB9-_.", min_size=1, max_size=20))
def test_a_spelling_is_its_own(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)


def broken(**changed: bytes | None) -> bytes:
    """A wheel whose entries of ``.dist-info`` are others, with a RECORD that says so."""
    files = {path: content for path, content in wheel_files("thing", "1.0").items() if not path.endswith("RECORD")}
    for name, content in changed.items():
        path = f"{FOLDER}/{name}"
        files.pop(path, None)
        if content is not None:
            files[path] = content
    return zipped(files | {f"{FOLDER}/RECORD": recorded(files, FOLDER)})


def with_file(path: str, content: bytes = b"", **record: bytes) -> bytes:
    files = {name: held for name, held in wheel_files("thing", "1.0").items() if not name.endswith("RECORD")}
    files[path] = content
    return zipped(files | {f"{FOLDER}/RECORD": record.get("record", recorded(files, FOLDER))})


def without_record(path: str) -> bytes:
    return zipped(wheel_files("thing", "1.0") | {path: b"import os\n"})


def changed_after_record() -> bytes:
    return zipped(wheel_files("thing", "1.0") | {"thing/__init__.py": b"ANSWER = 43\n"})


def with_comment() -> bytes:
    content = wheel("thing", "1.0")[1]
    return content[:-2] + struct.pack("<H", 3) + b"hey"


REFUSED = {
    "empty": (b"", "too short"),
    "no zip": (b"x" * 100, "does not end as a zip"),
    "cut off": (wheel("thing", "1.0")[1][:-30], "does not end as a zip"),
    "something before it": (b"#!/bin/sh\n" + wheel("thing", "1.0")[1], "not its own"),
    "a comment": (with_comment(), "without a comment"),
    "another name": (broken(METADATA=core_metadata("other", "1.0")), "is of 'other'"),
    "another version": (broken(METADATA=core_metadata("thing", "1.1")), "'1.1'"),
    "two names": (broken(METADATA=core_metadata("thing", "1.0", "Name: other")), "a name that cannot be read"),
    "no metadata": (broken(METADATA=None), "has no thing-1.0.dist-info/METADATA"),
    "no WHEEL": (broken(WHEEL=None), "has no thing-1.0.dist-info/WHEEL"),
    "endless metadata": (broken(METADATA=core_metadata("thing", "1.0") + b"x" * 1_100_000), "over 1,048,576"),
    "bad Python": (broken(METADATA=core_metadata("thing", "1.0", "Requires-Python: soon")), "is not PEP 440"),
    "another folder": (zipped(wheel_files("other", "1.0")), "of another name"),
    "two folders": (with_file("other-1.0.dist-info/METADATA"), "has 2 .dist-info folders"),
    "what is not recorded": (without_record("thing/more.py"), "RECORD differ in 'thing/more.py'"),
    "otherwise than recorded": (changed_after_record(), "otherwise than its RECORD says"),
    "a weak hash": (with_file("a.py", record=b"thing/__init__.py,md5=x,1\n"), "RECORD differ"),
    "outside": (with_file("../evil.py"), "lies outside"),
    "from the root": (with_file("/etc/evil"), "lies outside"),
    "a bomb": (with_file("thing/zeros.bin", b"\0" * 70_000_000), "would become 70,"),
    "endless fields": (broken(METADATA=core_metadata("thing", "1.0", *(f"X{n}:" for n in range(2_001)))), "over 2,000"),
    "an endless name": (broken(METADATA=core_metadata("t" * 501, "1.0")), "without end"),
    "a rare compression": (zipped(wheel_files("thing", "1.0"), zipfile.ZIP_LZMA), "in a rare way"),
}


@pytest.mark.parametrize("how", REFUSED)
async def test_a_wheel_is_refused_that_is_not_what_it_says(how: str) -> None:
    content, told = REFUSED[how]
    with pytest.raises(PackageInvalid, match=told.replace("(", r"\(")):
        await Fed(MemoryBlobs()).publish(NAME, content)


TOP = "thing-1.0"
INFO = core_metadata("thing", "1.0")


def header(kind: bytes, content: bytes) -> bytes:
    """An sdist that begins with an entry of this kind."""
    member = tarfile.TarInfo(f"{TOP}/a")
    member.type, member.size = kind, len(content)
    rest = gzip.decompress(sdist("thing", "1.0")[1])
    return gzip.compress(member.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512) + rest)


SDISTS = {
    "empty": (b"", "has no PKG-INFO"),
    "no gzip": (b"x" * 100, "not an sdist"),
    "cut off": (sdist("thing", "1.0")[1][:-10], "not an sdist"),
    "no PKG-INFO": (tarred({f"{TOP}/a.py": b""}), "has no PKG-INFO"),
    "a deeper PKG-INFO": (tarred({f"{TOP}/thing.egg-info/PKG-INFO": INFO}), "has no PKG-INFO"),
    "two folders": (tarred({f"{TOP}/PKG-INFO": INFO, "other/a.py": b""}), "one folder passes"),
    "outside": (tarred({f"{TOP}/PKG-INFO": INFO, "../evil": b""}), "lies outside"),
    "another name": (tarred({f"{TOP}/PKG-INFO": core_metadata("other", "1.0")}), "is of 'other'"),
    "a bomb": (tarred({f"{TOP}/PKG-INFO": INFO, f"{TOP}/zeros": b"\0" * 70_000_000}), "would become over 67,108,864"),
    "digits for ever": (header(b"x", b"9" * 60_000), "is no size"),
    "an endless header": (header(b"x", b"9" * 70_000), "65,536 pass"),
    "a header for all": (header(b"g", b"18 path=thing-1.0\n"), "every entry alike"),
    "holes": (header(b"x", b"22 GNU.sparse.major=1\n"), "with holes"),
    "a device": (header(b"3", b""), "of the kind b'3'"),
    "a link with content": (header(b"2", b"x"), "with content"),
    "a wrong checksum": (gzip.compress(b"x" * 1024), "octal|checksum"),
    "endless PKG-INFO": (tarred({f"{TOP}/PKG-INFO": INFO + b"x" * 1_100_000}), "under a mebibyte"),
}


@pytest.mark.parametrize("how", SDISTS)
async def test_an_sdist_is_refused_that_is_not_what_it_says(how: str) -> None:
    content, told = SDISTS[how]
    with pytest.raises(PackageInvalid, match=told):
        await Fed(MemoryBlobs()).publish("thing-1.0.tar.gz", content)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
async def test_an_sdist_is_read_in_every_form_that_builds_write(form: int) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", format=form) as tar:
        for path, content in ((f"{TOP}/{'deep/' * 24}a.py", b"A = 1\n" * 300), (f"{TOP}/PKG-INFO", INFO)):
            member = tarfile.TarInfo(path)
            member.size, member.mtime = len(content), 1_700_000_000.25
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo(f"{TOP}/link")
        link.type, link.linkname = tarfile.SYMTYPE, "a.py"
        tar.addfile(link)
    taken = await Fed(MemoryBlobs()).publish("thing-1.0.tar.gz", held.getvalue())
    assert (taken.named.version, taken.requires_python) == ("1.0", None)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_a_file_with_other_bytes_in_it_is_taken_whole_or_refused(data: st.DataObject) -> None:
    filename, content = data.draw(st.sampled_from([wheel("thing", "1.0"), sdist("thing", "1.0")]))
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.binary(min_size=1, max_size=8))
    try:
        taken = await Fed(MemoryBlobs()).publish(filename, content[:place] + other + content[place + len(other) :])
    except PackageInvalid:
        return
    assert (taken.named.name, taken.named.version) == ("thing", "1.0")
