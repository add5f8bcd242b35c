"""Events to a hundred subscribers: how many deliveries a second in a burst, how late at ten events a second."""

import asyncio
import time

from bench.installation import Installation, own_cpu
from bench.rows import Row, quantile, rate, under
from bench.subscriber import Subscriber

SUBSCRIBERS = 100
QUERY = 'subscription { events(filter: {types: ["ArtifactRegistered"]}) { eventId eventType sequence occurredAt } }'


async def measure(server: Installation, *, tiny: bool) -> list[Row]:
    """Each on a socket of its own; a delivery is one event at one subscriber."""
    sockets = [await _subscribe(server) for _ in range(3 if tiny else SUBSCRIBERS)]
    await asyncio.sleep(0.5)
    paced = await _paced(server, sockets, 3 if tiny else 100)
    before, own, started = server.cpu(), own_cpu(), time.time()
    burst = 8 if tiny else 200
    await asyncio.gather(*(_register(server, f"burst-{number}", burst // 4) for number in range(4)))
    delays = await _arrived(sockets, burst)
    took = max(socket.last for socket in sockets) - started
    server_cpu, client_cpu = server.cpu() - before, own_cpu() - own
    for socket in sockets:
        socket.transport.close()
    of = f"events to {len(sockets)} subscribers"
    return [
        rate(f"{of}, deliveries", len(delays) / took),
        under(f"{of}, burst p50", quantile(delays, 0.5), "ms"),
        under(f"{of}, burst p99", quantile(delays, 0.99), "ms"),
        under(f"{of}, paced p50", quantile(paced, 0.5), "ms"),
        under(f"{of}, paced p99", quantile(paced, 0.99), "ms"),
        under(f"{of}, server CPU", server_cpu / len(delays) * 1_000_000, "us a delivery"),
        under(f"{of}, client's share", 100 * client_cpu / (server_cpu + client_cpu), "% of the CPU used"),
    ]


async def _subscribe(server: Installation) -> Subscriber:
    host, port = server.admin.host, server.admin.port
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: Subscriber(f"{host}:{port}", server.token, QUERY), host, port)
    await asyncio.wait_for(socket.ready, 30)
    return socket


async def _paced(server: Installation, sockets: list[Subscriber], many: int) -> list[float]:
    for number in range(many):
        await _register(server, f"paced-{number}", 1)
        await asyncio.sleep(0.1)
    return await _arrived(sockets, many)


async def _register(server: Installation, name: str, many: int) -> None:
    client = server.client()
    for number in range(many):
        fields = {"projectId": server.project_id, "producer": "bench", "name": f"{name}-{number}"}
        await client.do("registerArtifact", "artifact { id }", **fields)
    client.close()


async def _arrived(sockets: list[Subscriber], many: int) -> list[float]:
    """Every delay since the last call, once each socket has so many."""
    deadline = time.monotonic() + 60
    while any(len(socket.delays) < many for socket in sockets):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{sum(len(s.delays) for s in sockets)} of {many * len(sockets)} deliveries in 60 s")
        await asyncio.sleep(0.02)
    delays = [delay for socket in sockets for delay in socket.delays]
    for socket in sockets:
        socket.delays.clear()
    return delays
