"""One installation for all Git tests of a module; each test makes a repository of its own in it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from main import Settings
from tests.e2e.remotes import Remote, provision
from tests.e2e.served import ServedClient, served

PUSH_BYTES: Final = 8 * 1024 * 1024
_numbers = count(1)


@dataclass(frozen=True)
class Site:
    """A served installation with a tenant ``acme`` and its project ``booking``."""

    operator: ServedClient
    admin: ServedClient
    project: str

    async def token(self, name: str, scopes: list[str], **more: object) -> tuple[str, str]:
        """A new human's token: its id and its secret."""
        who = await self.admin.done(
            "createIdentity", "identity { id }", name=name, kind="HUMAN", email="h@example.test"
        )
        fields = {"identityId": who["identity"]["id"], "name": "git", "scopes": scopes, **more}
        made = await self.admin.done("issueToken", "token { id } secret", **fields)
        return made["token"]["id"], made["secret"]

    async def provision(self) -> Remote:
        """A repository of its own name."""
        return await provision(self.admin, self.project, f"r{next(_numbers)}")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    data = tmp_path_factory.mktemp("site") / "data"
    async with served(Settings(data=data, push_bytes=PUSH_BYTES)) as (slipway, url, token):
        assert token is not None
        operator = ServedClient(slipway, token, url)
        admin = ServedClient(slipway, (await operator.tenant("acme")).token, url)
        project = (await admin.done("createProject", "project { id }", name="booking"))["project"]["id"]
        yield Site(operator, admin, project)
        await operator.http.aclose()
        await admin.http.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def remote(site: Site) -> Remote:
    return await site.provision()


@pytest_asyncio.fixture(loop_scope="module")
async def clone(remote: Remote, tmp_path: Path) -> Path:
    return await remote.clone(tmp_path / "clone")
