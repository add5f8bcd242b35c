"""Clients that are not stock git: isomorphic-git and dulwich clone, push and are refused in words."""

import asyncio
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from dulwich import porcelain
from dulwich.porcelain import Error

from storage.tables.source_control import CommitRow
from tests.e2e.remotes import Remote
from tests.machine import NODE_MODULES, needs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@needs("node")
async def test_isomorphic_git_clones_pushes_and_is_refused(remote: Remote, tmp_path: Path) -> None:
    head = (await remote.refs())["main"]
    process = await asyncio.create_subprocess_exec(
        "node", str(NODE_MODULES.parent / "git.mjs"), remote.url, remote.admin.token, str(tmp_path / "clone"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    assert (seen["cloned"], seen["branch"], seen["ok"]) == (head, "main", True)
    assert "protected branch: open a pull request" in seen["refused"]
    assert await remote.refs() == {"main": head, "iso": seen["sha"]}
    assert seen["sha"] in {row.sha for row in await remote.rows(CommitRow)}
    await remote.agrees()


async def test_dulwich_clones_pushes_and_is_refused(remote: Remote, tmp_path: Path) -> None:
    head = (await remote.refs())["main"]
    sha, told = await asyncio.to_thread(with_dulwich, remote, tmp_path / "clone", head)
    assert "protected branch: open a pull request" in told
    assert await remote.refs() == {"main": head, "dul": sha}
    assert sha in {row.sha for row in await remote.rows(CommitRow)}
    await remote.agrees()


def with_dulwich(remote: Remote, folder: Path, head: str) -> tuple[str, str]:
    """The sha of what it pushed, and what it said of the push that was refused."""
    signed: dict[str, Any] = {"username": "anyone", "password": remote.admin.token}
    quiet = BytesIO()
    with porcelain.clone(remote.url, str(folder), errstream=quiet, **signed) as clone:
        assert clone.head().decode() == head
        (folder / "a.txt").write_text("by dulwich\n")
        porcelain.add(clone, [str(folder / "a.txt")])
        who = b"Writer <writer@example.test>"
        sha = porcelain.commit(clone, b"by dulwich\n", author=who, committer=who).decode()
        porcelain.push(clone, remote.url, b"main:refs/heads/dul", outstream=quiet, errstream=quiet, **signed)
        told = BytesIO()
        try:
            porcelain.push(clone, remote.url, b"main:refs/heads/main", outstream=told, errstream=told, **signed)
        except Error as error:
            return sha, str(error)
    return sha, told.getvalue().decode()
