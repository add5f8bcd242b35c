"""What the server holds in memory: fresh, and after commits, merges and a hundred subscribers."""

from bench import commits, events, merges
from bench.installation import Installation
from bench.rows import Row, under

AIM = 200


async def measure(server: Installation, *, tiny: bool) -> list[Row]:
    """The load is that of the other measures, one round of each."""
    fresh = server.resident()
    await commits.measure(server, tiny=tiny, rounds=1)
    await merges.measure(server, tiny=tiny, rounds=1)
    await events.measure(server, tiny=tiny)
    return [under("memory fresh", fresh, "MiB"), under("memory after load", server.resident(), "MiB", bound=AIM)]
