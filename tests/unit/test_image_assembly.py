"""Images are a function of their files, time, revision and version, and of nothing else."""

import gzip
import io
import json
import tarfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.images.assembly import File, Recipe, Tree, TreeInvalid, assemble
from providers.images.manifests import read
from providers.images.values import digest_of

NAME = st.text("abcZ09-_.é", min_size=1, max_size=8).filter(lambda name: name not in {".", ".."})
FILE = st.builds(File, content=st.binary(max_size=50), executable=st.booleans())
TREE = st.dictionaries(st.lists(NAME, min_size=1, max_size=3).map("/".join), FILE, max_size=8).filter(
    lambda tree: not any(path.startswith(f"{other}/") or "/.wh." in f"/{path}" for path in tree for other in tree)
)
DEPENDENCIES: Tree = {"usr/lib/python/dependency.py": File(content=b"x = 1\n")}
CODE: Tree = {
    "app/main.py": File(content=b"print('hello')\n"),
    "app/run": File(content=b"#!/bin/sh\n", executable=True),
}
RECIPE = Recipe(
    layers=(DEPENDENCIES, CODE),
    epoch=1_700_000_000,
    revision="a" * 40,
    version="1.4.17",
    entrypoint=("python", "-m", "app"),
    environment={"B": "2", "A": "1"},
    working_folder="/app",
    port=8080,
)


def layers(recipe: Recipe) -> list[bytes]:
    """The archives, by the digests that the manifest tells."""
    image = assemble(recipe)
    return [gzip.decompress(image.blobs[layer["digest"]]) for layer in json.loads(image.manifest)["layers"]]


@given(trees=st.lists(TREE, max_size=3), epoch=st.integers(0, 2**32))
def test_the_order_of_files_and_variables_changes_nothing(trees: list[Tree], epoch: int) -> None:
    recipe = replace(RECIPE, layers=trees, epoch=epoch)
    turned = [dict(reversed(list(tree.items()))) for tree in trees]
    again = replace(recipe, layers=turned, environment=dict(reversed(list(recipe.environment.items()))))
    assert assemble(again) == assemble(recipe)


@given(tree=TREE)
def test_a_layer_holds_the_files_and_nothing_of_the_machine(tree: Tree) -> None:
    if not tree:
        return
    (content,) = layers(replace(RECIPE, layers=[tree]))
    found: dict[str, File] = {}
    seen: list[str] = []
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", RECIPE.epoch)
            folder = member.name.rpartition("/")[0]
            assert not folder or folder in seen
            seen.append(member.name)
            if member.isfile():
                opened = archive.extractfile(member)
                assert opened is not None
                found[member.name] = File(content=opened.read(), executable=member.mode == 0o755)
    assert found == tree
    assert seen == sorted(seen)


def test_archives_and_config_are_the_same_on_every_machine_and_for_ever() -> None:
    image = assemble(RECIPE)
    archives = [digest_of(content) for content in layers(RECIPE)]
    config = json.loads(image.manifest)["config"]["digest"]
    assert archives == [
        "sha256:51540698cf0f25b88a5e774ad7e14b4a927c7f2d9f41782e669b1e72c7df8840",
        "sha256:edea028ab40c2549df07246d996ee9224dfe7984304b3fb378a20a2564805d02",
    ]
    assert config == "sha256:697c8eb367069405f83a234936d1ed0d3fe0fab95bac45615437f3584cc7e026"


def test_gzip_tells_neither_time_nor_name_nor_system() -> None:
    image = assemble(RECIPE)
    for layer in json.loads(image.manifest)["layers"]:
        assert image.blobs[layer["digest"]][:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_the_config_says_how_to_run_it_and_of_what_it_is_made() -> None:
    image = assemble(RECIPE)
    manifest = json.loads(image.manifest)
    config = json.loads(image.blobs[manifest["config"]["digest"]])
    labels = {"org.opencontainers.image.revision": "a" * 40, "org.opencontainers.image.version": "1.4.17"}
    assert config["config"] == {
        "Entrypoint": ["python", "-m", "app"],
        "Env": ["A=1", "B=2"],
        "ExposedPorts": {"8080/tcp": {}},
        "Labels": labels,
        "WorkingDir": "/app",
    }
    assert (config["architecture"], config["os"], config["created"]) == ("amd64", "linux", "2023-11-14T22:13:20Z")
    assert config["rootfs"] == {"type": "layers", "diff_ids": [digest_of(content) for content in layers(RECIPE)]}
    assert manifest["annotations"] == labels


def test_a_change_of_code_leaves_the_layer_of_dependencies() -> None:
    other = replace(RECIPE, layers=(DEPENDENCIES, {"app/main.py": File(content=b"print('bye')\n")}))
    first, second = (json.loads(assemble(recipe).manifest)["layers"] for recipe in (RECIPE, other))
    assert first[0] == second[0]
    assert first[1] != second[1]


@pytest.mark.parametrize("change", [{"epoch": 1}, {"revision": "b" * 40}, {"version": "1.4.18"}, {"layers": (CODE,)}])
def test_each_input_counts(change: dict[str, object]) -> None:
    assert assemble(replace(RECIPE, **change)).digest != assemble(RECIPE).digest  # type: ignore[arg-type]


def test_the_manifest_is_one_that_a_registry_takes() -> None:
    image = assemble(RECIPE)
    assert read(image.manifest, "application/vnd.oci.image.manifest.v1+json").blobs == set(image.blobs)


def test_a_link_is_kept_as_it_is() -> None:
    (content,) = layers(replace(RECIPE, layers=[{"bin/python": File(link="../usr/bin/python3")}]))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.getmember("bin/python")
        assert (member.issym(), member.linkname) == (True, "../usr/bin/python3")


@pytest.mark.parametrize(
    "path", ["", "/etc", "a//b", "../a", "a/..", "./a", "a/", "a\nb", "a\0", ".wh.a", "a/.wh..wh..opq"]
)
def test_a_path_that_leads_out_or_hides_a_file_is_refused(path: str) -> None:
    with pytest.raises(TreeInvalid, match="is no path within an image"):
        assemble(replace(RECIPE, layers=[{path: File()}]))


def test_a_file_that_is_a_folder_too_is_refused() -> None:
    with pytest.raises(TreeInvalid, match="a is a file, and 'a/b' is in it"):
        assemble(replace(RECIPE, layers=[{"a": File(), "a/b": File()}]))
