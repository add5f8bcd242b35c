"""From an event to the start of the worker that it wakes, and what the server costs when nothing happens."""

import asyncio
import sqlite3
from datetime import datetime, timedelta

from bench.installation import Installation
from bench.rows import Row, quantile, under

STARTED = """
select e.occurred_at, p.began_at from events e
join processed p on p.tenant_id = e.tenant_id and p.delivery = e.event_id
where e.event_type = 'RepositoryProvisioningRequested' order by e.position
"""


async def measure(server: Installation, *, tiny: bool) -> list[Row]:
    """Repositories asked for one after another, the first ones left out; then quiet seconds on the same server."""
    warm, many = (1, 3) if tiny else (10, 100)
    for number in range(warm + many):
        await server.repository(f"wakeup-{number}")
    await asyncio.sleep(0.2 if tiny else 3)
    before, quiet = server.cpu(), 0.3 if tiny else 20
    await asyncio.sleep(quiet)
    idle = 100 * (server.cpu() - before) / quiet
    found = _milliseconds(server)[warm:]
    return [
        under("wakeup p50", quantile(found, 0.5), "ms", bound=15),
        under("wakeup p99", quantile(found, 0.99), "ms"),
        under("wakeup idle CPU", idle, "% of a core", bound=3),
    ]


def _milliseconds(server: Installation) -> list[float]:
    """From ``occurredAt``, which is before the commit, to when the execution began that took effect."""
    database = sqlite3.connect(f"file:{server.data / 'slipway.db'}?mode=ro", uri=True, timeout=10)
    try:
        rows = database.execute(STARTED).fetchall()
    finally:
        database.close()
    ends = [[datetime.fromisoformat(end) for end in row] for row in rows]
    return [(began - told) / timedelta(milliseconds=1) for told, began in ends]
