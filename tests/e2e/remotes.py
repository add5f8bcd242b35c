"""A repository of a served installation as Git clients see it, and what must hold of it at any time."""

import asyncio
import base64
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from storage import event_log
from storage.access import Access
from storage.event_log import EventFilter
from storage.queries.rows import Rows
from storage.tables.operations import EventRow
from storage.tables.source_control import BranchRow, CommitRow, RefIntentRow
from tests.e2e.served import ServedClient, done, git

MADE = """query($id: ID!) { node(id: $id) { ... on Repository { status remoteUrl } } }"""


class Remote:
    """One provisioned repository."""

    def __init__(self, admin: ServedClient, project: str, name: str, id: str) -> None:
        self.admin, self.project, self.name, self.id = admin, project, name, id
        self.repository_id = UUID(hex=id.split("-")[1])
        tenant = admin.slipway.services.identities.claims(admin.token).tenant_id
        self.access = Access(tenant_id=tenant)
        self.path = admin.slipway.settings.data / "git" / tenant.hex / f"{self.repository_id.hex}.git"
        self.url = f"{admin.url}/git/acme/booking/{name}.git"

    def signed(self, token: str | None = None) -> str:
        return self.url.replace("://", f"://anyone:{token or self.admin.token}@")

    async def clone(self, folder: Path, *options: str) -> Path:
        await done("clone", "--quiet", *options, self.signed(), str(folder))
        return folder

    async def refs(self) -> dict[str, str]:
        listed = await done("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads", at=self.path)
        return dict(line.split() for line in listed.splitlines())

    async def rows(self, kind: Any) -> list[Any]:
        async with self.admin.slipway.database.reading(self.access) as session:
            return await Rows(session, self.access).all(kind, repository_id=self.repository_id)

    async def events(self, *types: str) -> list[EventRow]:
        """This repository's branch and commit events of these types, in order."""
        async with self.admin.slipway.database.reading(self.access) as session:
            read = await event_log.read(session, self.access, after=0, wanted=EventFilter(types=types), limit=5_000)
        return [row for row in read if row.payload.get("repositoryId", self.id) == self.id]

    async def agrees(self) -> None:
        """Rows, events and Git say the same, nothing is left open, and Git finds no fault."""
        refs = await self.refs()
        assert {row.name: row.head_sha for row in await self.rows(BranchRow)} == refs
        shas = (await done("rev-list", "--branches", at=self.path)).split()
        recorded = [row.sha for row in await self.rows(CommitRow)]
        assert set(shas) <= set(recorded)
        assert sorted(row.payload["sha"] for row in await self.events("CommitCreated")) == sorted(recorded)
        assert await self.rows(RefIntentRow) == []
        async with self.admin.slipway.database.reading(self.access) as session:
            await event_log.verify_chain(session, self.access)
        assert (await git("fsck", "--strict", "--no-dangling", at=self.path)).code == 0
        assert list((self.path.parents[1] / ".incoming").glob("*")) == []


async def provision(admin: ServedClient, project: str, name: str) -> Remote:
    """A repository of a module of its own, as the worker makes it."""
    fields = {"name": name, "kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0"}
    module = (await admin.done("registerModule", "module { id }", projectId=project, **fields))["module"]["id"]
    made = (await admin.done("provisionRepository", "repository { id }", moduleId=module))["repository"]["id"]
    return await made_by_worker(admin, project, name, made)


async def made_by_worker(admin: ServedClient, project: str, name: str, made: str) -> Remote:
    """The repository of this id, once it is provisioned."""
    deadline = time.monotonic() + 20
    while (await admin.ask(MADE, id=made))["node"]["status"] != "PROVISIONED":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return Remote(admin, project, name, made)


async def commit(folder: Path, path: str, content: str | bytes = "x\n", message: str = "m") -> str:
    """The sha of a commit in a clone."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    await done("add", "--force", "--all", at=folder)
    await done("commit", "--quiet", "-m", message, at=folder)
    return await done("rev-parse", "HEAD", at=folder)


def basic(token: str, user: str = "anyone") -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


async def posted(remote: Remote, body: bytes) -> bytes:
    """The report of a push that no stock client would send."""
    answer = await remote.admin.http.post(
        f"/git/acme/booking/{remote.name}.git/git-receive-pack",
        content=body,
        headers={"Content-Type": "application/x-git-receive-pack-request", "Authorization": basic(remote.admin.token)},
    )
    assert answer.status_code == 200
    return answer.content
