"""The example and the demo do what they say."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_passes_its_own_tests() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unittest"], cwd=ROOT / "examples" / "reservations", capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_demo_runs_twice_on_the_same_data_and_tells_its_steps(tmp_path: Path) -> None:
    told = tmp_path / "steps.json"
    command = [sys.executable, "-m", "cli", "demo", "--data", str(tmp_path / "data"), "--json", str(told)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        steps = json.loads(told.read_text())["steps"]
        assert steps[-1]["name"] == "merge it"
        assert all(step["eventIds"] for step in steps)
