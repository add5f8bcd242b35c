"""Stock skopeo against the registry: copies in and out, inspects, lists, deletes."""

import asyncio
import gzip
import io
import json
import os
import tarfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.conftest import Site
from tests.e2e.registries import CONFIG, LAYER, MANIFEST, Images, described, digest_of
from tests.e2e.served import Ran
from tests.machine import needs

pytestmark = [pytest.mark.asyncio(loop_scope="module"), needs("skopeo")]
_numbers = count(1)


async def skopeo(*arguments: str) -> Ran:
    process = await asyncio.create_subprocess_exec(
        "skopeo", "--insecure-policy", *arguments, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def done(*arguments: str) -> str:
    ran = await skopeo(*arguments)
    assert ran.code == 0, ran.err
    return ran.out


@pytest_asyncio.fixture(loop_scope="module")
async def images(site: Site) -> Images:
    return Images(site.admin, f"acme/booking/skopeo/r{next(_numbers)}")


def address(images: Images, reference: str) -> str:
    return f"docker://{images.admin.http.base_url.netloc.decode()}/{images.name}:{reference}"


def creds(images: Images, side: str = "") -> list[str]:
    return [f"--{side}tls-verify=false", f"--{side}creds", f"anyone:{images.admin.token}"]


def layout(folder: Path, size: int = 100) -> str:
    """An OCI layout with one image of one layer; the digest of its manifest."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("content")
        member.size = size
        archive.addfile(member, io.BytesIO(os.urandom(size)))
    layer = gzip.compress(packed.getvalue(), mtime=0)
    told: dict[str, Any] = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"a": "b"}}}
    told["rootfs"] = {"type": "layers", "diff_ids": [digest_of(packed.getvalue())]}
    config = json.dumps(told).encode()
    content = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(config, CONFIG),
            "layers": [described(layer, LAYER)],
        }
    ).encode()
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for blob in (layer, config, content):
        (blobs / digest_of(blob).partition(":")[2]).write_bytes(blob)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described(content, MANIFEST)]}))
    return digest_of(content)


async def test_an_image_goes_in_and_comes_out_as_it_was(images: Images, tmp_path: Path) -> None:
    digest = layout(tmp_path / "in", 3_000_000)
    await done("copy", *creds(images, "dest-"), f"oci:{tmp_path}/in", address(images, "1.0"))
    told = json.loads(await done("inspect", *creds(images), address(images, "1.0")))
    assert (told["Digest"], told["RepoTags"], told["Labels"]) == (digest, ["1.0"], {"a": "b"})
    await done("copy", *creds(images, "src-"), address(images, "1.0"), f"oci:{tmp_path}/out")
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / way / "blobs/sha256").iterdir()} for way in ("in", "out")
    ]
    assert files[0] == files[1]


async def test_an_image_is_copied_between_repositories_by_mounting_its_blobs(images: Images, tmp_path: Path) -> None:
    digest = layout(tmp_path / "in")
    await done("copy", *creds(images, "dest-"), f"oci:{tmp_path}/in", address(images, "1.0"))
    other = images.named(f"{images.name}-other")
    both = [*creds(images, "src-"), *creds(images, "dest-")]
    await done("copy", *both, address(images, "1.0"), address(other, "2.0"))
    assert (await other.ask("GET", "manifests/2.0")).headers["docker-content-digest"] == digest
    tags = json.loads(await done("list-tags", *creds(images), address(other, "2.0").rpartition(":")[0]))
    assert tags["Tags"] == ["2.0"]


async def test_an_image_is_deleted(images: Images, tmp_path: Path) -> None:
    layout(tmp_path / "in")
    await done("copy", *creds(images, "dest-"), f"oci:{tmp_path}/in", address(images, "1.0"))
    await done("delete", *creds(images), address(images, "1.0"))
    ran = await skopeo("inspect", *creds(images), address(images, "1.0"))
    assert ran.code == 1
    assert "manifest unknown" in ran.err


async def test_without_a_token_nothing_goes_in_and_skopeo_says_why(images: Images, tmp_path: Path) -> None:
    layout(tmp_path / "in")
    ran = await skopeo("copy", "--dest-tls-verify=false", f"oci:{tmp_path}/in", address(images, "1.0"))
    assert ran.code == 1
    assert "unauthorized" in ran.err
    reader = ["--dest-tls-verify=false", "--dest-creds", "anyone:nonsense"]
    assert "unauthorized" in (await skopeo("copy", *reader, f"oci:{tmp_path}/in", address(images, "1.0"))).err
