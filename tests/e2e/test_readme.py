"""Everything that the README tells to run is run, in its order, and every documented operation is asked."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.documents import Block, blocks, checkout, documents
from tests.e2e.children import free_port

COMMANDS = ["make demo", "make test", "make run"]
ADDRESS = "http://127.0.0.1:7420"
BLOCKS = blocks("README.md")
SCRIPTS = [block for block in BLOCKS if block.language == "sh" and block.text.strip() not in COMMANDS]
OPERATIONS = [block for path in documents() for block in blocks(path) if block.language == "graphql"]


@dataclass(frozen=True, kw_only=True)
class Toured:
    """The installation once the tour is over: where it serves, whose token, and what was on the screen."""

    address: str
    token: str
    code: int
    out: str
    folder: Path


def recipe(target: str, at: Path) -> list[str]:
    """What ``make`` would run; the make that runs these tests is none of its business."""
    command = ["make", "--no-print-directory", "-n", target]
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    told = subprocess.run(command, cwd=at, env=env, capture_output=True, text=True, timeout=30, check=True)
    return told.stdout.splitlines()


def environment(folder: Path) -> dict[str, str]:
    """A newcomer's: nothing of this one's configuration."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "no_proxy": "*"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout after ``make install``: its last lines are run, with this environment's packages."""
    folder = checkout(tmp_path_factory.mktemp("newcomer") / "slipway")
    commands = recipe("install", folder)
    assert any(" -m venv .venv" in line for line in commands)
    assert any("--require-hashes -r requirements.txt" in line for line in commands)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for line in commands[-3:]:
        subprocess.run(["sh", "-c", line], cwd=folder, timeout=30, check=True)
    return folder


@pytest.fixture(scope="module")
def toured(installed: Path) -> Iterator[Toured]:
    """Every shell block of the README as one session, beside what ``make run`` runs, on a free port."""
    port = free_port()
    (run,) = recipe("run", installed)
    command, home = [*run.split(), "--port", str(port)], environment(installed)
    with subprocess.Popen(command, cwd=installed, env=home, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            while not (line := server.stdout.readline()).startswith("GraphQL at "):
                assert line, "the server ended"
            address = f"http://127.0.0.1:{port}"
            told = [f"echo '# line {block.line}'\n{block.text.replace(ADDRESS, address)}" for block in SCRIPTS]
            script = "\n".join(["set -euo pipefail", *told, 'echo "# token $SLIPWAY_TOKEN"'])
            done = subprocess.run(
                ["bash", "-c", script], cwd=installed, env=home, stdin=subprocess.DEVNULL, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90, check=False,
            )  # fmt: skip
            token = done.stdout.rpartition("# token ")[2].strip()
            yield Toured(address=address, token=token, code=done.returncode, out=done.stdout, folder=installed)
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)


def test_the_readme_holds_nothing_that_is_not_run() -> None:
    assert {block.language for block in BLOCKS} == {"sh", "graphql"}
    assert [block.text.strip() for block in BLOCKS if block.text.startswith("make ")] == COMMANDS


def test_make_demo_runs_the_demo_and_make_test_the_tests(installed: Path) -> None:
    (demo,) = recipe("demo", installed)
    (test,) = recipe("test", installed)
    assert demo == ".venv/bin/slipway demo"
    told = subprocess.run(
        [*demo.split(), "--help"],
        cwd=installed,
        env=environment(installed),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"--keep" in told.stdout
    collected = subprocess.run(
        [*test.split(), "--collect-only", "tests/unit/test_paths.py"], cwd=installed, env=environment(installed),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "tests/unit/test_paths.py::" in collected.stdout


def test_the_tour_runs_from_its_first_block_to_its_last(toured: Toured) -> None:
    assert toured.code == 0, toured.out
    answers = [json.loads(line) for line in toured.out.splitlines() if line.startswith("{")]
    assert [name for answer in answers for name in answer["data"]] == [
        "createTenant",
        "createProject",
        "registerModule",
        "provisionRepository",
        "registerArtifact",
        "createBranch",
        "createCommit",
        "openPullRequest",
        "createIdentity",
        "reviewPullRequest",
        "mergePullRequest",
        "lineage",
    ]
    assert [answer for answer in answers if "errors" in answer] == []
    assert [payload for answer in answers for payload in answer["data"].values() if payload.get("errors")] == []
    kinds = [edge["type"] for edge in answers[-1]["data"]["lineage"]["edges"]]
    assert [kind for kind in kinds if kind not in {"BUILT_BY", "PRODUCED", "PACKAGED_AS"}] == [
        "COMMITTED_AS",
        "PROPOSED_IN",
        "MERGED_AS",
    ]


def test_the_tour_leaves_the_merge_in_the_clone_and_nothing_outside_the_checkout(toured: Toured) -> None:
    clone = toured.folder / "data" / "rooms"
    assert "Counts rooms." in (clone / "README.md").read_text()
    told = ["git", "-C", str(clone), "log", "-1", "--format=%s"]
    merged = subprocess.run(told, capture_output=True, text=True, timeout=30, check=True).stdout
    assert merged == "Merge pull request #1: Count rooms\n"
    assert list((toured.folder.parent / "home").iterdir()) == []


@pytest.mark.parametrize("block", OPERATIONS, ids=lambda block: f"{block.path}:{block.line}")
def test_a_documented_operation_is_answered_without_errors_under_the_default_limits(
    toured: Toured, block: Block
) -> None:
    headers = {"Authorization": f"Bearer {toured.token}", "Accept": "text/event-stream"}
    body = {"query": block.text, "variables": variables(block, toured)}
    with httpx.stream("POST", f"{toured.address}/graphql", json=body, headers=headers, timeout=20) as answer:
        assert answer.status_code == 200, answer.read()
        first: dict[str, Any] = json.loads(next(line for line in answer.iter_lines() if line.startswith("data:"))[5:])
    assert "errors" not in first, first
    assert None not in first["data"].values()
    assert [told for told in first["data"].values() if isinstance(told, dict) and told.get("errors")] == []


def test_the_documented_query_shows_what_the_tour_merged(toured: Toured) -> None:
    query = next(block.text for block in BLOCKS if block.text.startswith("query Merged"))
    headers = {"Authorization": f"Bearer {toured.token}"}
    answer = httpx.post(f"{toured.address}/graphql", json={"query": query}, headers=headers, timeout=20).json()
    (merged,) = answer["data"]["repository"]["pullRequests"]["nodes"]
    assert (merged["number"], merged["author"]) == (1, {"name": "admin"})
    assert merged["reviews"]["nodes"] == [{"verdict": "APPROVE", "reviewer": {"name": "reviewer"}}]
    commits = {commit["message"].strip(): commit["artifact"] for commit in merged["commits"]["nodes"]}
    assert set(commits) == {"Count rooms", "Say what it does"}
    assert commits["Count rooms"]["producer"] == "my-generator"


def variables(block: Block, toured: Toured) -> dict[str, str]:
    """What an operation declares, from what the tour made: ids by their names, and the digest of an upload."""
    ids = {kind: re.search(kind + "-[0-9a-f]{32}", toured.out) for kind in ("art", "cmt", "pr", "proj", "repo")}
    known = {kind: found[0] for kind, found in ids.items() if found is not None}
    given = {
        "$id: ID!": known["art"],
        "$from: ID!": known["art"],
        "$to: ID!": known["cmt"],
        "$pullRequest: ID!": known["pr"],
        "$project: ID!": known["proj"],
        "$repository: ID!": known["repo"],
    }
    declared = {name: id for name, id in given.items() if name in block.text}
    if "$digest: Sha256Digest!" in block.text:
        declared["$digest:"] = uploaded(toured)
    return {name[1:].partition(":")[0]: value for name, value in declared.items()}


def uploaded(toured: Toured) -> str:
    headers = {"Authorization": f"Bearer {toured.token}"}
    answer = httpx.post(f"{toured.address}/uploads", content=b"\x00\x01", headers=headers, timeout=20)
    digest: str = answer.json()["digest"]
    return digest


def test_the_documents_hold_operations() -> None:
    assert {block.path for block in OPERATIONS} >= {"README.md", "docs/subscriptions.md", "docs/graphql-over-http.md"}
