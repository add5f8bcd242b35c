"""Each measure runs and writes rows that a program can read; how fast anything is, is not tested here."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.measures import MEASURES, run
from bench.rows import Row, kept, rate, under, write
from tests.machine import ROOT

KEYS = {"name", "value", "unit", "comparedWith", "ratio", "aim", "met", "command"}


@pytest.mark.parametrize("name", MEASURES)
async def test_a_measure_runs_and_writes_rows_that_its_command_renews(name: str, tmp_path: Path) -> None:
    write(tmp_path, await run(name, tiny=True), tuple(MEASURES))
    rows = kept(tmp_path)
    assert rows != []
    for row in rows:
        assert set(row) == KEYS
        assert row["name"].partition(" ")[0] == name
        assert row["command"] == f"make bench ONLY={name}"
        assert isinstance(row["value"], int | float)
        assert (row["aim"] is None) == (row["met"] is None)
        assert (row["comparedWith"] is None) == (row["ratio"] is None)
    told = (tmp_path / "RESULTS.md").read_text()
    assert all(f"| {row['name']} |" in told for row in rows)


def test_running_one_measure_keeps_the_rows_of_the_others(tmp_path: Path) -> None:
    write(tmp_path, [rate("commits a", 10, over=100), under("events a", 3, "ms")], tuple(MEASURES))
    write(tmp_path, [rate("commits b", 200, over=100)], tuple(MEASURES))
    assert [(row["name"], row["met"]) for row in kept(tmp_path)] == [("commits b", True), ("events a", None)]
    assert "commits a" not in (tmp_path / "RESULTS.md").read_text()


def test_an_unknown_measure_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--only", "weather", "--into", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert all(name in done.stderr for name in MEASURES)
    assert list(tmp_path.iterdir()) == []


def test_the_committed_results_are_rows_of_the_measures_that_stand() -> None:
    rows = json.loads((ROOT / "bench" / "results.json").read_text())
    assert {row["name"].partition(" ")[0] for row in rows} == set(MEASURES)
    assert all(set(row) == KEYS == set(asdict(Row(name="", value=0, unit=""))) for row in rows)
