"""``slipway doctor``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli import machine
from cli.configured import settings_of
from cli.failure import Failed
from main import DEFAULT_PORT

_MARKS = {
    machine.Verdict.FOUND: "[green]✓[/]",
    machine.Verdict.ABSENT: "[yellow]-[/]",
    machine.Verdict.LACKING: "[red]✗[/]",
}


def doctor(
    data: Annotated[Path | None, typer.Option(help="Data folder; SLIPWAY_DATA or ./data when absent.")] = None,
) -> None:
    """One line for each thing; exit code 1 when something that is needed is missing."""
    settings = settings_of(data)
    console = Console(soft_wrap=True, highlight=False)
    findings = machine.examine(settings.data, settings.database_url, DEFAULT_PORT)
    for finding in findings:
        remedy = f" [dim]({escape(finding.remedy)})[/]" if finding.remedy else ""
        console.print(f"{_MARKS[finding.verdict]} {finding.what}: {escape(finding.found)}{remedy}")
    lacking = [finding.what for finding in findings if finding.verdict is machine.Verdict.LACKING]
    if lacking:
        raise Failed(f"this machine lacks {', '.join(lacking)}")
