"""The example does what it says."""

import subprocess
import sys

from tests.machine import ROOT


def test_the_example_passes_its_own_tests() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unittest"], cwd=ROOT / "examples" / "reservations", capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
