"""Uploads: streamed, digested, within limits and walls, used by commits, and gone after a day."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine, select, update

from http_api import uploads as http_uploads
from http_api.login import CSRF_HEADER
from providers.blobs.store import Blob, BlobKey
from schema.scalars import BigInt
from storage.tables.operations import UploadRow
from storage.tables.scoped import now
from tests.api.conftest import Client
from tests.api.test_commits import FIELDS, Repo, repo
from workers import blob_sweep
from workers.blob_sweep import BlobSweep
from workers.retention import Kept, Retention

pytestmark = pytest.mark.both_databases

__all__ = ["repo"]
HELLO = b"\x00hello\xff"
DIGEST = f"sha256:{hashlib.sha256(HELLO).hexdigest()}"


async def upload(client: Client, content: Any = HELLO, project: str | None = None, **headers: str) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {client.token}"}
    query = {} if project is None else {"project": project}
    return await client.http.post("/uploads", content=content, params=query, headers=bearer | headers)


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    (error,) = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"], error["extensions"].get("field")


async def kept(client: Client) -> list[Blob]:
    return [blob async for blob in client.slipway.providers.blobs.older(now() + timedelta(days=1))]


async def use(repo: Repo, digest: str, client: Client | None = None, path: str = "up.bin", **more: Any) -> Any:
    changes = [{"path": path, "uploadDigest": digest} | more]
    fields = {"repositoryId": repo.id, "branch": "work", "message": "m", "changes": changes}
    return await (client or repo.client).do("createCommit", FIELDS, **fields)


def aged(outside: Engine, age: timedelta) -> None:
    """As if every upload had come so long ago."""
    with outside.begin() as connection:
        connection.execute(update(UploadRow).values(created_at=now() - age))


async def test_an_upload_is_answered_by_its_digest_and_kept_a_day(admin: Client) -> None:
    before = datetime.now(UTC)
    answer = await upload(admin, **{"Content-Type": "application/x-anything"})
    told = answer.json()
    assert (answer.status_code, told.keys()) == (201, {"digest", "size", "expiresAt"})
    assert (told["digest"], told["size"]) == (DIGEST, len(HELLO))
    expires = datetime.fromisoformat(told["expiresAt"])
    assert before + timedelta(hours=24) <= expires <= datetime.now(UTC) + timedelta(hours=24)
    assert [blob.key.digest for blob in await kept(admin)] == [DIGEST]


async def test_a_commit_takes_what_was_uploaded(repo: Repo) -> None:
    await upload(repo.client)
    made = await use(repo, DIGEST, mode="EXECUTABLE")
    assert (made["errors"], made["commit"]["filesChanged"]) == ([], 1)
    assert repo.git("ls-tree", "--format=%(objectmode) %(objectsize)", "work", "up.bin") == f"100755 {len(HELLO)}"
    again = await use(repo, DIGEST, path="again.bin")
    assert again["errors"] == []
    assert repo.git("rev-parse", "work:again.bin") == repo.git("rev-parse", "work:up.bin")


async def test_the_same_content_twice_is_kept_anew(admin: Client, outside: Engine) -> None:
    first = (await upload(admin)).json()
    aged(outside, timedelta(hours=23))
    again = (await upload(admin)).json()
    assert again["expiresAt"] > first["expiresAt"]
    with outside.begin() as connection:
        columns: Any = UploadRow.__table__.c  # type: ignore[attr-defined]  # SQLModel hides the table
        rows = connection.execute(select(columns.digest, columns.created_at)).all()
    assert [(digest, now() - at < timedelta(minutes=1)) for digest, at in rows] == [(DIGEST, True)]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Content-Sha256": DIGEST.removeprefix("sha256:")},
        {"X-Content-Sha256": DIGEST},
        {"Digest": f"SHA-256={base64.b64encode(hashlib.sha256(HELLO).digest()).decode()}"},
        {"Content-Digest": f"sha-512=:x:, sha-256=:{base64.b64encode(hashlib.sha256(HELLO).digest()).decode()}:"},
    ],
)
async def test_a_digest_that_is_told_is_checked(admin: Client, headers: dict[str, str]) -> None:
    assert (await upload(admin, **headers)).status_code == 201
    answer = await upload(admin, b"other", **headers)
    assert refusal(answer) == (400, "BAD_REQUEST", None)
    assert DIGEST in answer.json()["errors"][0]["message"]
    assert [blob.key.digest for blob in await kept(admin)] == [DIGEST]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Content-Sha256": "abc"},
        {"Digest": "md5=abcd"},
        {"Content-Digest": "sha-256=:AAAA:"},
        {"X-Content-Sha256": "1" * 64, "Digest": "sha-256=" + "A" * 43 + "="},
    ],
)
async def test_a_digest_that_cannot_be_checked_is_refused(admin: Client, headers: dict[str, str]) -> None:
    assert refusal(await upload(admin, **headers)) == (400, "BAD_REQUEST", None)
    assert await kept(admin) == []


async def test_who_may_not_write_repositories_uploads_nothing(admin: Client, repo: Repo) -> None:
    assert refusal(await admin.http.post("/uploads", content=b"x")) == (401, "UNAUTHENTICATED", None)
    answer = await admin.http.post("/uploads", content=b"x", headers={"Authorization": "Bearer nonsense"})
    assert (refusal(answer), answer.headers["www-authenticate"]) == ((401, "UNAUTHENTICATED", None), "Bearer")
    reader = await admin.limited(repo.project, ["READ"])
    assert refusal(await upload(reader, project="booking")) == (403, "FORBIDDEN", None)
    assert await kept(admin) == []


async def test_a_session_uploads_with_its_own_pages_header_only(operator: Client) -> None:
    operator.http.base_url = "http://127.0.0.1:7420"
    cookie = {"Cookie": f"slipway-session-7420={await operator.slipway.operator_sessions.begin()}"}
    csrf = {CSRF_HEADER.decode(): "1"}
    assert refusal(await operator.http.post("/uploads", content=b"x", headers=cookie)) == (403, "FORBIDDEN", None)
    foreign = cookie | csrf | {"Origin": "http://elsewhere.test"}
    assert refusal(await operator.http.post("/uploads", content=b"x", headers=foreign)) == (403, "FORBIDDEN", None)
    assert (await operator.http.post("/uploads", content=b"x", headers=cookie | csrf)).status_code == 201


async def test_over_the_limit_nothing_is_kept(admin: Client) -> None:
    limits = admin.slipway.settings.limits
    limits.upload_bytes = BigInt(10)
    admin.http = Client(admin.slipway, admin.token).http

    async def unknown() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x"

    for content in (b"x" * 11, unknown()):
        assert refusal(await upload(admin, content)) == (413, "LIMIT_EXCEEDED", None)
    assert await kept(admin) == []
    assert (await upload(admin, b"x" * 10)).status_code == 201
    assert (await admin.ask("{ viewer { limits { uploadBytes } } }"))["viewer"]["limits"] == {"uploadBytes": 10}


async def test_a_tenant_keeps_so_much_at_once_and_others_are_not_touched(
    admin: Client, operator: Client, outside: Engine
) -> None:
    admin.slipway.settings.limits.uploads_bytes = BigInt(10)
    tenant, other = Client(admin.slipway, admin.token), await operator.tenant("other")
    assert (await upload(tenant, b"x" * 8)).status_code == 201
    assert refusal(await upload(tenant, b"y" * 3)) == (429, "QUOTA_EXCEEDED", None)
    assert (await upload(tenant, b"y" * 2)).status_code == 201
    full = await upload(tenant, b"z")
    assert (refusal(full), full.headers["retry-after"]) == ((429, "QUOTA_EXCEEDED", None), "5")
    assert (await upload(other, b"z")).status_code == 201
    aged(outside, timedelta(hours=25))
    assert (await upload(tenant, b"z")).status_code == 201


async def test_a_tenant_sends_so_many_at_once(admin: Client, operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_uploads, "AT_ONCE", 1)
    goes_on, other = asyncio.Event(), await operator.tenant("other")
    other.http = admin.http

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await goes_on.wait()

    under_way = asyncio.create_task(upload(admin, slow()))
    await asyncio.sleep(0.1)
    assert refusal(await upload(admin)) == (429, "QUOTA_EXCEEDED", None)
    assert (await upload(other)).status_code == 201
    goes_on.set()
    assert (await under_way).status_code == 201
    assert (await upload(admin)).status_code == 201


async def test_a_client_that_sends_too_slowly_is_refused(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_uploads, "PATIENCE_SECONDS", 0.05)

    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x"
            await asyncio.sleep(0.02)

    assert refusal(await upload(admin, dripping())) == (408, "TIMED_OUT", None)
    assert await kept(admin) == []


async def test_a_silent_client_is_refused(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("http_api.bodies.PATIENCE_SECONDS", 0.05)

    async def silent() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    assert refusal(await upload(admin, silent())) == (408, "TIMED_OUT", None)
    assert await kept(admin) == []


async def test_an_encoded_body_is_refused(admin: Client) -> None:
    answer = await upload(admin, **{"Content-Encoding": "gzip"})
    assert refusal(answer) == (415, "UNSUPPORTED_MEDIA_TYPE", None)


async def test_only_post_is_answered(admin: Client) -> None:
    assert (await admin.http.get("/uploads")).status_code == 405


async def test_unknown_foreign_and_expired_uploads_look_the_same(repo: Repo, operator: Client, outside: Engine) -> None:
    unknown = await use(repo, DIGEST)
    other = await operator.tenant("other")
    await upload(other)
    foreign = await use(repo, DIGEST)
    await upload(repo.client)
    aged(outside, timedelta(hours=24, seconds=1))
    expired = await use(repo, DIGEST)
    assert unknown == foreign == expired
    (error,) = unknown["errors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", "changes")
    assert error["help"].startswith("POST /uploads")
    assert unknown["commit"] is None


async def test_content_that_went_after_its_row_was_read_looks_the_same(repo: Repo) -> None:
    unknown = await use(repo, DIGEST)
    await upload(repo.client)
    key = BlobKey(tenant_id=repo.access.tenant_id, digest=DIGEST)
    assert await repo.client.slipway.providers.blobs.delete(key, before=now() + timedelta(days=1))
    assert await use(repo, DIGEST) == unknown


async def test_a_limited_token_names_a_project_of_its_own(repo: Repo) -> None:
    limited = await repo.client.limited(repo.project, ["REPOSITORIES_WRITE"])
    await repo.client.done("createProject", "project { id }", name="elsewhere")
    assert refusal(await upload(limited)) == (400, "INVALID_INPUT", "project")
    hidden, absent = await upload(limited, project="elsewhere"), await upload(limited, project="nowhere")
    assert refusal(hidden) == refusal(absent) == (404, "NOT_FOUND", "project")
    assert hidden.text.replace("elsewhere", "nowhere") == absent.text
    assert (await upload(limited, project="booking")).status_code == 201
    assert (await use(repo, DIGEST, limited))["errors"] == []


async def test_an_upload_is_used_within_its_project_only(repo: Repo) -> None:
    await repo.client.done("createProject", "project { id }", name="elsewhere")
    unknown = await use(repo, DIGEST)
    assert (await upload(repo.client, project="elsewhere")).status_code == 201
    assert await use(repo, DIGEST) == unknown
    limited = await repo.client.limited(repo.project, ["REPOSITORIES_WRITE"])
    assert await use(repo, DIGEST, limited) == unknown
    await upload(repo.client)
    assert await use(repo, DIGEST, limited) == unknown  # that one is the tenant's, which a limited token does not see
    assert (await use(repo, DIGEST))["errors"] == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"uploadDigest": DIGEST, "content": "x"},
        {"uploadDigest": DIGEST, "delete": True},
        {"content": "x", "delete": True},
    ],
)
async def test_a_change_gives_exactly_one_of_its_contents(repo: Repo, change: dict[str, Any]) -> None:
    (error,) = (await repo.commit("", changes=[{"path": "a"} | change]))["errors"]
    assert (error["code"], error["field"]) == ("INVALID_INPUT", "changes")
    assert error["message"] == "'a': give one of content, uploadDigest and delete"


async def test_a_symlink_and_a_malformed_digest_are_refused(repo: Repo) -> None:
    await upload(repo.client)
    (error,) = (await use(repo, DIGEST, mode="SYMLINK"))["errors"]
    assert (error["code"], error["field"]) == ("INVALID_INPUT", "changes")
    query = 'mutation($d: Sha256Digest!) { createCommit(input: {repositoryId: "x", branch: "b", message: "m",'
    query += ' changes: [{path: "a", uploadDigest: $d}]}) { errors { code } } }'
    (told,) = (await repo.client.raw(query, {"d": "sha256:ABC"})).json()["errors"]
    assert "is not a digest" in told["message"]


async def test_what_has_had_its_day_is_removed_row_and_content(admin: Client, outside: Engine) -> None:
    await upload(admin)
    sweep = retention(admin).sweep
    assert {name: count for name, count in (await sweep()).items() if count} == {}
    aged(outside, timedelta(hours=25, seconds=1))
    (blob,) = await kept(admin)
    backdate(admin, blob, timedelta(hours=25, seconds=1))
    removed = await sweep()
    assert (removed["uploads"], removed["blobs"], await kept(admin)) == (1, 1, [])


async def test_content_that_any_upload_refers_to_stays(admin: Client, outside: Engine) -> None:
    await upload(admin)
    (blob,) = await kept(admin)
    backdate(admin, blob, timedelta(days=3))
    assert (await retention(admin).sweep())["blobs"] == 0
    assert [one.key for one in await kept(admin)] == [blob.key]


async def test_content_without_a_row_is_an_orphan_after_its_grace(admin: Client) -> None:
    tenant = UUID(int=7)

    async def content() -> AsyncIterator[bytes]:
        yield b"orphan"

    blob = await admin.slipway.providers.blobs.put(tenant, content())
    sweep = retention(admin).sweep
    assert (await sweep())["blobs"] == 0
    backdate(admin, blob, timedelta(hours=25, seconds=1))
    assert (await sweep())["blobs"] == 1
    assert await admin.slipway.providers.blobs.stat(blob.key) is None


class Idle:
    """An engine that keeps nothing."""

    async def purge(self, before: datetime, limit: int) -> int:
        return 0


def retention(client: Client) -> Retention:
    slipway, idle = client.slipway, Idle()
    sweep = BlobSweep(slipway.database, slipway.providers.blobs)
    unused = Kept(name="blobs", age=blob_sweep.AGE, drop=sweep.drop)
    return Retention(slipway.database, idle, unused)  # type: ignore[arg-type]  # only its purge is asked for


def backdate(client: Client, blob: Blob, age: timedelta) -> None:
    """As if the content had come so long ago."""
    name = blob.key.digest.removeprefix("sha256:")
    path = client.slipway.settings.data / "blobs" / blob.key.tenant_id.hex / name[:2] / name
    then = (now() - age).timestamp()
    os.utime(path, (then, then))
