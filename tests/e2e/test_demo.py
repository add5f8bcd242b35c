"""The demo as a newcomer runs it: not on a terminal, to the end, again, kept, interrupted, and failing."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.machine import ROOT, needs

pytestmark = pytest.mark.timeout(420)  # two builds for real are waited for
NAMES = [
    "make a tenant",
    "make a project",
    "make the agent 'generator' and its token",
    "make the human 'reviewer' and its token",
    "register the module",
    "ask for its repository, which a worker makes",
    "register what it generated",
    "branch",
    "commit 8 files",
    "open a pull request, which a worker checks",
    "try to approve its own pull request",
    "approve it",
    "merge it at the reviewed sha",
    "clone it with stock git",
    "run its tests in the clone",
    "watch its pipeline test and package it",
    "trace it from the artifact to main, and back",
]
WITHOUT_EVENTS = {"try to approve its own pull request", "clone it with stock git", "run its tests in the clone"}


@contextmanager
def started(*arguments: str, home: Path, path: str | None = None) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "demo", *arguments], cwd=home, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": path or os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), "TMPDIR": str(home)},
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, Any]]]:
    """What two runs on one data folder printed and kept."""
    home = tmp_path_factory.mktemp("home")
    found = []
    for _ in range(2):
        arguments = ("--data", str(home / "data"), "--json", str(home / "demo.json"))
        with started(*arguments, home=home) as process:
            code, out, err = finish(process)
        assert (code, err) == (0, ""), out + err
        found.append((out, json.loads((home / "demo.json").read_text())))
    return found


def test_every_step_is_kept_with_its_time_ids_and_events(runs: list[tuple[str, dict[str, Any]]]) -> None:
    for _, kept in runs:
        assert [step["name"] for step in kept["steps"]] == NAMES
        for step in kept["steps"]:
            assert set(step) == {"name", "startedAt", "durationMs", "ids", "eventIds"}
            assert step["durationMs"] > 0
            assert step["ids"] != []
            assert all(re.fullmatch("evt-[0-9a-f]{32}", event) for event in step["eventIds"])
            assert (step["eventIds"] == []) == (step["name"] in WITHOUT_EVENTS)


BUILDS = {"BUILT_BY", "PRODUCED", "PACKAGED_AS"}
BUILT = {"PipelineRun", "BuildResult", "PackagePublication"}


def test_the_lineage_leads_from_the_artifact_to_main_and_back(runs: list[tuple[str, dict[str, Any]]]) -> None:
    kinds = ["COMMITTED_AS", "PROPOSED_IN", "MERGED_AS"]
    for out, kept in runs:
        down, up = kept["lineage"]["downstream"], kept["lineage"]["upstream"]
        assert [edge["type"] for edge in down["edges"] if edge["type"] not in BUILDS] == kinds
        assert [edge["type"] for edge in up["edges"]] == kinds[::-1]
        way = [node["id"] for node in down["nodes"] if node["__typename"] not in BUILT]
        assert [node["id"] for node in up["nodes"]] == way[::-1]
        merge, _, commit, _ = up["nodes"]
        told = out[out.index("What came of the artifact:") :].splitlines()
        told = [re.sub("^[ │├└─]+", "", line) for line in told if not any(kind in line for kind in BUILDS)]
        assert told[1:5] == [
            "Artifact reservations by generator",
            f"COMMITTED_AS Commit {commit['sha'][:12]} Book tables by the hour",
            "PROPOSED_IN PullRequest #1 Book tables by the hour",
            f"MERGED_AS Commit {merge['sha'][:12]} Merge pull request #1: Book tables by the hour",
        ]
        assert told[6] == "Where main came from:"
        assert told[10] == "COMMITTED_AS Artifact reservations by generator"


def test_only_what_it_does_is_printed(runs: list[tuple[str, dict[str, Any]]]) -> None:
    for out, _ in runs:
        steps = out[: out.index("\nWhat came of the artifact:")].splitlines()
        assert [line for line in steps if not re.match(r"([ \d]\d \w|     [←✓] \S|     │ )", line)] == []


def test_a_second_run_on_the_same_data_makes_everything_anew(runs: list[tuple[str, dict[str, Any]]]) -> None:
    first, second = (
        {id for step in kept["steps"] for id in step["ids"] if not id.startswith(("run-", "build-", "pkg-"))}
        for _, kept in runs
    )
    assert len(first) == len(second) == 13
    assert first.isdisjoint(second)


def test_events_are_printed_in_order_within_the_step_that_they_tell_of(runs: list[tuple[str, dict[str, Any]]]) -> None:
    for out, _ in runs:
        sequences = [int(number) for number in re.findall(r"← \w+ (\d+)$", out, re.MULTILINE)]
        assert sequences == list(range(1, len(sequences) + 1))
        merge = out[out.index("merge it at the reviewed sha") :]
        beside = re.sub(r" +← PipelineRun\w+ \d+\n", "", merge)  # of the run that the pull request started
        assert re.findall(r"← (\w+)|(✓)", beside)[:4] == [
            ("BranchUpdated", ""),
            ("CommitCreated", ""),
            ("PullRequestMerged", ""),
            ("", "✓"),
        ]


def test_an_author_who_approves_is_refused_on_the_way(runs: list[tuple[str, dict[str, Any]]]) -> None:
    for out, _ in runs:
        assert "refused, as it should be: POLICY_DENIED: nobody approves their own pull request" in out


def test_the_clone_stands_at_the_merge_and_passes_its_own_tests(runs: list[tuple[str, dict[str, Any]]]) -> None:
    for out, _ in runs:
        merged = re.search(r"main stands at (\w{12}) in .*\Z", out, re.DOTALL)
        assert merged is not None
        assert re.search(rf"/booking/reservations\.git at {merged[1]} ", out) is not None
        assert re.search(r"✓ 4 tests passed ", out) is not None


@needs("wheelhouse")
def test_the_merge_is_built_by_its_pipeline_and_its_log_is_seen(runs: list[tuple[str, dict[str, Any]]]) -> None:
    for out, kept in runs:
        build = out[out.index("watch its pipeline") :]
        assert "│ ##[section]Starting: Checkout\n" in build
        assert "│ Successfully built reservations-1.0.0-py3-none-any.whl\n" in build
        assert re.search(r"✓ Checkout, Install, Test, Package, .*: SUCCEEDED, published as reservations-1.0.0-", build)
        assert "BuildResult SUCCEEDED, 4 of 4 tests passed\n" in build
        assert "PACKAGED_AS PackagePublication reservations 1.0.0\n" in build
        (step,) = [step for step in kept["steps"] if step["name"].startswith("watch its pipeline")]
        assert (len(step["ids"]), len(step["eventIds"])) == (2, 3)


def test_plain_lines_carry_no_escapes(runs: list[tuple[str, dict[str, Any]]]) -> None:
    assert all("\x1b" not in out and "\r" not in out for out, _ in runs)


def test_kept_it_serves_on_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with started("--keep", home=tmp_path) as process:
        assert process.stdout is not None
        told = "\n"
        while not told.splitlines()[-1].startswith("  token"):
            line = process.stdout.readline()
            assert line, told
            told += line
        url, token = re.search(r"GraphQL +(\S+)", told), re.search(r"^  token +(\S+)", told, re.MULTILINE)
        assert url is not None
        assert token is not None
        answer = httpx.post(
            url[1], json={"query": "{ viewer { tenant { name } } }"}, headers={"Authorization": f"Bearer {token[1]}"}
        )
        assert answer.json()["data"]["viewer"]["tenant"]["name"] in told
        process.send_signal(signal.SIGINT)
        assert finish(process)[0] == 0
    with contextlib.suppress(httpx.ConnectError):  # the port is anybody's now
        refused = httpx.post(url[1], json={"query": "{ __typename }"}, headers={"Authorization": f"Bearer {token[1]}"})
        assert refused.status_code == 401
    assert list(tmp_path.glob("slipway-demo-*")) == []


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(tmp_path: Path, told: signal.Signals) -> None:
    with started(home=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(" 1 make a tenant")
        process.send_signal(told)
        code, _, err = finish(process)
    assert (code, err) == (130, "")
    assert list(tmp_path.glob("slipway-demo-*")) == []


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with started("--data", str(tmp_path / "file"), home=tmp_path) as process:
        code, out, err = finish(process)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert str(tmp_path / "file") in err


def test_a_step_that_fails_is_named_with_its_reason_on_one_line(tmp_path: Path) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\necho 'fatal: out of order' >&2\nexit 128\n")
    git.chmod(0o755)
    with started(home=tmp_path, path=str(git.parent)) as process:
        code, out, err = finish(process)
    assert code == 1
    assert "merge it at the reviewed sha" in out
    assert err == "slipway: the demo failed at 'clone it with stock git': GIT: fatal: out of order\n"
