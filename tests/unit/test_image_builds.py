"""What a build left becomes two layers of files, within bounds, whatever the archives say of themselves."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from providers.images import builds
from providers.images.assembly import File, Image, TreeInvalid, assemble
from providers.images.builds import Build, recipe_of


def archive(files: dict[str, bytes], mode: int = 0o100644, year: int = 2020) -> bytes:
    """A zip file, such as a wheel."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            member.external_attr = mode << 16
            opened.writestr(member, content)
    return made.getvalue()


def build(*code: bytes, dependencies: tuple[bytes, ...] = (), language: str = "PYTHON") -> Build:
    return Build(
        code=code,
        dependencies=dependencies,
        command=("python3", "-m", "service"),
        language=language,
        epoch=1_700_000_000,
        revision="a" * 40,
        version="1.4.17",
        port=8080,
    )


def unpack(image: Image, folder: Path) -> dict[str, str]:
    """Its layers on top of each other; the environment that it is run with."""
    manifest = json.loads(image.manifest)
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(image.blobs[layer["digest"]]))) as opened:
            opened.extractall(folder, filter="data")
    run = json.loads(image.blobs[manifest["config"]["digest"]])["config"]
    return dict(variable.split("=", 1) for variable in run["Env"])


def test_dependencies_and_code_are_layers_of_their_own() -> None:
    recipe = recipe_of(build(archive({"service.py": b"1"}), dependencies=(archive({"needed.py": b"2"}),)))
    assert recipe.layers == [
        {"app/dependencies/needed.py": File(content=b"2")},
        {"app/code/service.py": File(content=b"1")},
    ]


def test_a_python_image_finds_its_dependencies_when_it_is_run(tmp_path: Path) -> None:
    code = archive({"service/__init__.py": b"", "service/__main__.py": b"import needed; print(needed.VALUE)"})
    image = assemble(recipe_of(build(code, dependencies=(archive({"needed.py": b"VALUE = 42"}),))))
    environment = unpack(image, tmp_path)
    path = environment["PYTHONPATH"].replace("/app", f"{tmp_path}/app")
    command = [sys.executable, "-m", "service"]
    ran = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=30, check=True)
    assert (ran.stdout, environment["PORT"]) == ("42\n", "8080")


def test_when_an_archive_was_packed_changes_nothing() -> None:
    images = [assemble(recipe_of(build(archive({"service.py": b"1"}, year=year)))) for year in (2020, 2021)]
    assert images[0] == images[1]


def test_what_may_be_executed_stays_so() -> None:
    (_, code) = recipe_of(build(archive({"run": b"#!/bin/sh"}, mode=0o100755), language="NODE")).layers
    assert code == {"app/code/run": File(content=b"#!/bin/sh", executable=True)}


def test_other_languages_are_told_nothing_of_python() -> None:
    recipe = recipe_of(build(archive({"index.js": b""}), language="NODE"))
    assert recipe.environment == {"PATH": "/usr/local/bin:/usr/bin:/bin", "PORT": "8080"}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ((b"no zip",), "is not a zip file"),
        ((archive({"a": b"1" * 500})[:-60],), "is not a zip file"),
        ((archive({"a": bytes(range(256)) * 9}).replace(bytes(range(60, 80)), b"?" * 20),), "is not a zip file"),
        ((archive({"a": b"1"}), archive({"a": b"2"})), "comes from two archives that differ"),
        ((archive({"a": b"/etc/passwd"}, mode=0o120777),), "is a link"),
    ],
)
def test_what_is_no_artifact_is_told(code: tuple[bytes, ...], told: str) -> None:
    with pytest.raises(TreeInvalid, match=told):
        recipe_of(build(*code))


@pytest.mark.parametrize("name", ["../escaped", "/etc/passwd", "a/../../b"])
def test_a_file_that_leads_out_of_the_image_is_refused(name: str) -> None:
    with pytest.raises(TreeInvalid, match="is no path within an image"):
        assemble(recipe_of(build(archive({name: b""}))))


def test_a_bomb_ends_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "MOST_BYTES", 100_000)
    with pytest.raises(TreeInvalid, match="unpack to over"):
        recipe_of(build(archive({"a": b"0" * 60_000}), dependencies=(archive({"b": b"0" * 60_000}),)))
    monkeypatch.setattr(builds, "MOST_FILES", 1)
    with pytest.raises(TreeInvalid, match="unpack to over 1 files"):
        recipe_of(build(archive({"a": b"", "b": b""})))
