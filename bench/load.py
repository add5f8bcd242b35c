"""Closed loops: so many clients, each with its next request as soon as the last is answered."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bench.client import Refused
from bench.installation import Installation, own_cpu
from bench.rows import Row, quantile, under

Work = Callable[[int], Awaitable[None]]


@dataclass(kw_only=True)
class Load:
    """What one loop did; ``milliseconds`` are those of the requests that passed."""

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    refused: int = 0
    server_cpu: float = 0.0
    client_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Passed requests a second."""
        return len(self.milliseconds) / self.seconds


async def loop(server: Installation, clients: Sequence[Work], *, seconds: float, most: int | None = None) -> Load:
    """Runs each client for so long, or until each did ``most``; a client is called with its turn's number."""
    load = Load()
    before, own, started = server.cpu(), own_cpu(), time.perf_counter()

    async def one(work: Work) -> None:
        for turn in itertools.count():
            clock = time.perf_counter()
            if clock - started >= seconds or (most is not None and turn >= most):
                return
            try:
                await work(turn)
            except Refused:
                load.refused += 1
                await asyncio.sleep(0)
            else:
                load.milliseconds.append((time.perf_counter() - clock) * 1_000)

    await asyncio.gather(*(one(work) for work in clients))
    load.seconds = time.perf_counter() - started
    load.server_cpu, load.client_cpu = server.cpu() - before, own_cpu() - own
    return load


def costs(name: str, loads: Sequence[Load]) -> list[Row]:
    """What the server spent on each request, how many it refused, and how much of the CPU the load client took."""
    done = sum(len(load.milliseconds) for load in loads)
    server, client = sum(load.server_cpu for load in loads), sum(load.client_cpu for load in loads)
    return [
        under(f"{name} server CPU", server / done * 1_000, "ms each"),
        under(f"{name} client's share", 100 * client / (server + client), "% of the CPU used"),
        under(f"{name} refused", sum(load.refused for load in loads), "requests", bound=1),
    ]


def latencies(name: str, loads: Sequence[Load]) -> list[Row]:
    """Median and 99th percentile over all rounds."""
    all_ = [one for load in loads for one in load.milliseconds]
    return [under(f"{name} p50", quantile(all_, 0.5), "ms"), under(f"{name} p99", quantile(all_, 0.99), "ms")]


def middle(loads: Sequence[Load]) -> float:
    """The median round's rate."""
    return quantile([load.rate for load in loads], 0.5)
