"""A pull request opened, approved by another and merged: a client, and eight in eight repositories."""

import asyncio

from bench.installation import Installation
from bench.load import Load, Work, costs, latencies, loop, middle
from bench.rows import Row, rate

AIM = 20
QUIET = "trigger: none\npr: none\nsteps:\n- script: 'true'\n"  # what is measured is the merge, not a build of it
GITEA = {1: 0.6, 8: 1.0}  # cycles a second on a machine of this kind


async def measure(server: Installation, *, tiny: bool, rounds: int = 3) -> list[Row]:
    """Branch and commit of each cycle are made before the clock runs."""
    reviewer = await server.identity("reviewer", "REPOSITORIES_WRITE")
    repositories = [await server.repository(f"merges-{number}") for number in range(2 if tiny else 8)]
    clients: dict[int, list[Load]] = {1: [], 8: []}
    for round_ in range(1 if tiny else rounds):
        for many, loads in clients.items():
            most = 1 if tiny else 20 if many == 1 else 5
            prefix = f"r{round_}c{many}"
            await asyncio.gather(*(_prepare(server, repository, prefix, most) for repository in repositories[:many]))
            work = [_cycler(server, reviewer, repository, prefix) for repository in repositories[:many]]
            loads.append(await loop(server, work, seconds=8, most=most))
    return [
        rate("merges 1 client, 1 repository", middle(clients[1]), over=AIM, gitea=GITEA[1]),
        rate("merges 8 clients, 8 repositories", middle(clients[8]), over=AIM, gitea=GITEA[8]),
        *latencies("merges 1 client", clients[1]),
        *latencies("merges 8 clients, 8 repositories", clients[8]),
        *costs("merges", [*clients[1], *clients[8]]),
    ]


async def _prepare(server: Installation, repository: str, prefix: str, most: int) -> None:
    client = server.client()
    for number in range(most):
        name = f"{prefix}-{number}"
        await client.do("createBranch", "branch { id }", repositoryId=repository, name=name)
        changes = [{"path": f"{name}.txt", "content": name}, {"path": "azure-pipelines.yml", "content": QUIET}]
        await client.do(
            "createCommit", "commit { sha }", repositoryId=repository, branch=name, message=name, changes=changes
        )
    client.close()


def _cycler(server: Installation, reviewer: str, repository: str, prefix: str) -> Work:
    author, approver = server.client(), server.client(reviewer)

    async def cycle(turn: int) -> None:
        name = f"{prefix}-{turn}"
        opened = await author.do(
            "openPullRequest", "pullRequest { id sourceSha }", repositoryId=repository, sourceBranch=name, title=name
        )
        pull = opened["pullRequest"]
        await approver.do(
            "reviewPullRequest", "pullRequest { id }",
            pullRequestId=pull["id"], verdict="APPROVE", sourceSha=pull["sourceSha"],
        )  # fmt: skip
        await author.do(
            "mergePullRequest", "pullRequest { mergeSha }",
            pullRequestId=pull["id"], expectedSourceSha=pull["sourceSha"],
        )  # fmt: skip

    return cycle
