"""What the documents name is there: links, files, functions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import documents, prose
from tests.machine import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = r"`([\w<>.-]+(?:/[\w<>.-]*)+|\w+\.(?:py|toml|md)|Makefile)`"
NAMED = re.compile(PATH + r"((?:,?(?: and)?\s+`[A-Za-z_][\w.]*`)*)")
CONTEXTS = ("platform", "source_control")


def anchors(path: Path) -> set[str]:
    """The names that headings are linked by."""
    headings = re.findall(r"^#+ +(.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", documents())
def test_every_link_leads_somewhere(path: str) -> None:
    broken = []
    for link in LINK.findall(prose(path)):
        target, _, anchor = link.partition("#")
        file = (ROOT / path).parent / target if target else ROOT / path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []


def defined(path: Path) -> set[str]:
    """Every class, function and constant of a module, those of a class as ``Class.name``."""
    found: set[str] = set()

    def look(node: ast.AST, within: str) -> None:
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(within + part.name)
                look(part, f"{within}{part.name}.")
            elif isinstance(part, ast.Assign | ast.AnnAssign):
                targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                found.update(within + target.id for target in targets if isinstance(target, ast.Name))

    look(ast.parse(path.read_text()), "")
    return found


def named(path: str) -> Iterator[tuple[str, list[str]]]:
    """Each path of the checkout that a document names, with the names of that file that follow it."""
    top = {part.name for part in ROOT.iterdir()}
    for match in NAMED.finditer(prose(path)):
        names = re.findall(r"`([\w.]+)`", match[2])
        paths = [match[1].replace("<context>", context) for context in CONTEXTS]
        for one in dict.fromkeys(paths):
            if one.split("/")[0] in top and not one.startswith(("data/", ".venv/")):
                yield one, names


@pytest.mark.parametrize("path", documents())
def test_every_file_and_function_that_is_named_exists(path: str) -> None:
    missing = []
    for file, names in named(path):
        if not (ROOT / file).exists():
            missing.append(file)
        elif file.endswith(".py"):
            missing += [f"{file} {name}" for name in names if name not in defined(ROOT / file)]
    assert missing == []


def test_the_architecture_follows_its_flows_through_the_code() -> None:
    followed = dict(named("docs/architecture.md"))
    assert {"services/source_control/merging.py", "workers/pull_request_checks.py"} <= followed.keys()
    assert len(followed) > 25


def test_every_setting_is_told_with_the_others() -> None:
    read = set(re.findall("SLIPWAY_[A-Z_]*[A-Z]", (ROOT / "settings.py").read_text()))
    settings = (ROOT / "docs" / "operations.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    assert read - set(re.findall("SLIPWAY_[A-Z_]*[A-Z]", settings)) == set()
