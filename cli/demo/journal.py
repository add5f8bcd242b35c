"""What the demo does, as people read it while it runs and as ``--json`` keeps it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from rich.console import Console
from websockets.exceptions import WebSocketException

from cli.failure import Failed


@dataclass(kw_only=True)
class Step:
    """One thing that was done: the nodes it made or concerned, and the events that tell of it."""

    name: str
    started_at: datetime
    duration_ms: float = 0.0
    ids: list[str] = field(default_factory=list)
    event_ids: list[str] = field(default_factory=list)
    outcome: str = ""

    def kept(self) -> dict[str, Any]:
        """As ``--json`` writes it."""
        return {
            "name": self.name,
            "startedAt": self.started_at.isoformat(),
            "durationMs": self.duration_ms,
            "ids": self.ids,
            "eventIds": self.event_ids,
        }


class Journal:
    """Plain lines when it is not on a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.steps: list[Step] = []

    @contextmanager
    def step(self, who: str, name: str) -> Iterator[Step]:
        """Failed names the step and why it did not end as it should."""
        step = Step(name=name, started_at=datetime.now(UTC))
        clock = time.perf_counter()
        self.console.print(f"[bold]{len(self.steps) + 1:>2} {name}[/] [dim]({who})[/]")
        try:
            with self.console.status("waiting for its events"):
                yield step
        except (Refusal, TimeoutError, OSError, httpx.HTTPError, WebSocketException) as error:
            raise Failed(f"the demo failed at '{name}': {error or type(error).__name__}") from error
        step.duration_ms = round((time.perf_counter() - clock) * 1_000, 1)
        self.steps.append(step)
        self.console.print(f"     [green]✓[/] {step.outcome or 'done'} [dim]in {step.duration_ms:g} ms[/]")

    def arrived(self, event: dict[str, Any]) -> None:
        """Prints an event the moment that the subscription brings it."""
        self.console.print(f"     [cyan]←[/] {event['eventType']} [dim]{event['sequence']}[/]")


class Refusal(Exception):
    """The API answered a command with errors; ``code`` is the first one's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
