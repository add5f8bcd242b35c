"""What a measure finds, kept in ``results.json`` for programs and ``RESULTS.md`` for people."""

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number. ``aim`` is words, ``met`` whether the number is within it; both are None for what is only told."""

    name: str
    value: float
    unit: str
    comparedWith: str | None = None  # noqa: N815  # the file's key
    ratio: float | None = None
    aim: str | None = None
    met: bool | None = None
    command: str = ""


def rate(name: str, value: float, *, over: float | None = None, gitea: float | None = None) -> Row:
    """So many a second; ``over`` is the aim, ``gitea`` what Gitea 1.27 did on such a machine."""
    return Row(
        name=name,
        value=rounded(value),
        unit="1/s",
        comparedWith=None if gitea is None else f"Gitea 1.27, recorded: {gitea}/s",
        ratio=None if gitea is None else rounded(value / gitea),
        aim=None if over is None else f"over {over:g}/s",
        met=None if over is None else value > over,
    )


def under(name: str, value: float, unit: str, *, bound: float | None = None) -> Row:
    """A number that is better when it is small; ``bound`` is the aim."""
    aim = None if bound is None else f"under {bound:g} {unit}"
    return Row(name=name, value=rounded(value), unit=unit, aim=aim, met=None if bound is None else value < bound)


def beside(name: str, value: float, unit: str, *, plain: str, ratio: float, bound: float) -> Row:
    """A number and its ratio to what ``plain`` names, measured in the same run."""
    aim = f"within {bound:g}x"
    return Row(
        name=name,
        value=rounded(value),
        unit=unit,
        comparedWith=plain,
        ratio=rounded(ratio),
        aim=aim,
        met=ratio <= bound,
    )


def rounded(value: float) -> float:
    """Three significant digits, or whole when there are more before the point."""
    return round(value) if abs(value) >= 100 else float(f"{value:.3g}")


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which that part of them lies; 0.5 is the median."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def kept(folder: Path) -> list[dict[str, Any]]:
    """The rows of earlier runs."""
    path = folder / "results.json"
    return list(json.loads(path.read_text())) if path.exists() else []


def write(folder: Path, measured: Iterable[Row], order: Sequence[str]) -> None:
    """Replaces the rows of the measures that ran; those of others stay. ``order`` names every measure."""
    new = [asdict(row) for row in measured]
    ran = {_measure(row) for row in new}
    rows = [row for row in kept(folder) if _measure(row) in set(order) - ran] + new
    rows.sort(key=lambda row: order.index(_measure(row)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(rows, indent=2) + "\n")
    (folder / "RESULTS.md").write_text("\n".join([*_header(), *map(_line, rows)]) + "\n")


def _measure(row: dict[str, Any]) -> str:
    return str(row["name"]).partition(" ")[0]


def _header() -> list[str]:
    return [
        "# Measured",
        "",
        "Over a served installation as a child process, on a fresh data folder, SQLite at synchronous=FULL; the load",
        "client runs on the same machine, its share of the CPU is told. `make bench` renews all rows,",
        "`make bench ONLY=<measure>` those of one measure.",
        "",
        f"Last run {datetime.now(UTC):%Y-%m-%d} on {_machine()}.",
        "",
        "| measure | value | unit | compared with | ratio | aim | met | command |",
        "|---|---|---|---|---|---|---|---|",
    ]


def _line(row: dict[str, Any]) -> str:
    met = {True: "yes", False: "**no**", None: ""}[row["met"]]
    cells = (
        row["name"],
        f"{row['value']:g}",
        row["unit"],
        row["comparedWith"] or "",
        "" if row["ratio"] is None else f"{row['ratio']:g}x",
        row["aim"] or "",
        met,
        f"`{row['command']}`",
    )
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    """What the numbers depend on."""
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True)
    load = os.getloadavg()[0]
    parts = (
        f"{len(os.sched_getaffinity(0))} cores ({_processor()})",
        f"{gib:.0f} GiB",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        git.stdout.strip(),
        f"SQLite {sqlite3.sqlite_version}",
        f"load {load:.1f} when it ended",
    )
    return ", ".join(parts)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
