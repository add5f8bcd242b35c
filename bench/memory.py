"""What the server holds in memory: fresh, and after commits, merges and a hundred subscribers."""

from bench import commits, events, merges
from bench.installation import Installation
from bench.rows import Row, under

AIM = 200


async def measure(server: Installation, *, tiny: bool) -> list[Row]:
    """The load is that of the other measures, each once through."""
    fresh = server.resident()
    for load in (commits.measure, merges.measure, events.measure):
        await load(server, tiny=tiny)
    return [under("memory fresh", fresh, "MiB"), under("memory after load", server.resident(), "MiB", bound=AIM)]
