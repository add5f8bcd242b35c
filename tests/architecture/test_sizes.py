"""Files and functions stay small; tests may be twice as long."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ("storage/migrations/versions/",)


def sources() -> list[str]:
    command = ["git", "ls-files", "-co", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in listed.stdout.split() if not path.startswith(GENERATED) and (ROOT / path).exists()]


@pytest.mark.parametrize("path", sources())
def test_a_file_is_at_most_300_lines(path: str) -> None:
    bound = 600 if path.startswith("tests/") else 300
    assert len((ROOT / path).read_text().splitlines()) <= bound


@pytest.mark.parametrize("path", [path for path in sources() if not path.startswith("tests/")])
def test_a_function_is_at_most_40_lines(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 40] == []
