"""``python -m bench [--only MEASURE]...``, which ``make bench`` runs."""

import argparse
import asyncio
from pathlib import Path

from bench.measures import MEASURES, run
from bench.rows import FOLDER, write


def main() -> None:
    """Fails when a measure could not be taken; an aim that is missed is told, not a failure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=tuple(MEASURES), help="this measure; all when absent")
    parser.add_argument("--tiny", action="store_true", help="prove that it runs; the numbers mean nothing")
    parser.add_argument("--into", type=Path, default=FOLDER, help="folder of RESULTS.md and results.json")
    asked = parser.parse_args()
    for name in asked.only or MEASURES:
        rows = asyncio.run(run(name, tiny=asked.tiny))
        for row in rows:
            aim = "" if row.aim is None else f"  {row.aim}: {'met' if row.met else 'NOT MET'}"
            print(f"{row.name:<52} {row.value:>9g} {row.unit}{aim}", flush=True)
        write(asked.into, rows, tuple(MEASURES))


if __name__ == "__main__":
    main()
