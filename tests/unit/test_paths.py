"""Paths and branch names against stock git's own judgement."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.git.errors import InvalidBranchName, InvalidChange
from providers.git.paths import check_branch_name, check_path


@pytest.mark.parametrize("name", ["main", "feature/a-b", "v1.2", "release-1", "ümlaut"])
def test_good_branch_names_pass(name: str) -> None:
    assert check_branch_name(name) == name


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab./-@{~^:?*[\\ \x01lockHEAD", min_size=1, max_size=12))
def test_no_branch_name_passes_that_git_refuses(name: str) -> None:
    try:
        check_branch_name(name)
    except InvalidBranchName:
        return
    done = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False)
    assert done.returncode == 0, name


@given(st.text(max_size=40))
def test_a_path_that_passes_stays_within_the_tree(path: str) -> None:
    try:
        check_path(path)
    except InvalidChange:
        return
    parts = path.split("/")
    assert not path.startswith("/")
    assert {"", ".", "..", ".git"}.isdisjoint(part.lower() for part in parts)


def test_no_branch_is_named_like_a_sha() -> None:
    with pytest.raises(InvalidBranchName, match="taken for a sha"):
        check_branch_name("0123456789abcdef0123456789abcdef01234567")
