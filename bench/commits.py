"""createCommit of 20 files of 2 KiB: a client or eight, in one repository or eight."""

import secrets

from bench.client import Client
from bench.installation import Installation
from bench.load import Load, Work, costs, latencies, loop, middle
from bench.rows import Row, rate

FILES, SIZE, AIM = 20, 2_048, 100
# Gitea 1.27 on a machine of this kind, commits a second
GITEA = {(1, 1, 1): 1.2, (8, 1, 1): 0.5, (8, 1, 8): 2.2, (8, 8, 8): 2.2}


async def measure(server: Installation, *, tiny: bool, rounds: int = 3) -> list[Row]:
    """A row for each shape; ``8 on one branch`` is where clients meet."""
    repositories = [await server.repository(f"commits-{number}") for number in range(2 if tiny else 8)]
    for repository in repositories:
        for branch in range(8 if repository is repositories[0] else 1):
            await server.admin.do("createBranch", "branch { id }", repositoryId=repository, name=f"work-{branch}")
    clients = [server.client() for _ in range(8)]
    shapes: dict[tuple[int, int, int], list[Load]] = {shape: [] for shape in GITEA}
    for _ in range(1 if tiny else rounds):
        for (many, over, branches), loads in shapes.items():
            work = [
                _committer(
                    clients[number],
                    repositories[number % min(over, len(repositories))],
                    f"work-{number % branches if over == 1 else 0}",
                )
                for number in range(many)
            ]
            loads.append(await loop(server, work, seconds=0.2 if tiny else 3))
    for client in clients:
        client.close()
    rows = [rate(_name(*shape), middle(loads), over=AIM, gitea=GITEA[shape]) for shape, loads in shapes.items()]
    first, last = shapes[(1, 1, 1)], shapes[(8, 8, 8)]
    everything = [load for loads in shapes.values() for load in loads]
    return [
        *rows,
        *latencies("commits 1 client", first),
        *latencies("commits 8 clients, 8 repositories", last),
        *costs("commits", everything),
    ]


def _name(clients: int, repositories: int, branches: int) -> str:
    told = (
        f"commits {clients} client{'s' * (clients > 1)}, {repositories} repositor{'ies' if repositories > 1 else 'y'}"
    )
    return told if clients == 1 or repositories > 1 else f"{told}, {branches} branch{'es' * (branches > 1)}"


def _committer(client: Client, repository: str, branch: str) -> Work:
    async def commit(_: int) -> None:
        changes = [{"path": f"files/{number}.txt", "content": secrets.token_hex(SIZE // 2)} for number in range(FILES)]
        await client.do(
            "createCommit", "commit { sha }",
            repositoryId=repository, branch=branch, message="Change twenty files", changes=changes,
        )  # fmt: skip

    return commit
