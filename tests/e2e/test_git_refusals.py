"""Who may not fetch or push, what may not move, and what a person reads on the screen then."""

from datetime import timedelta
from pathlib import Path

import pytest

from services.platform.issuer import TokenIssuer
from storage.tables.scoped import now
from tests.e2e.conftest import Site
from tests.e2e.remotes import Remote, basic, commit
from tests.e2e.served import ServedClient, done, git

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_protected_branch_refuses_with_its_reason_on_the_screen(remote: Remote, clone: Path) -> None:
    before = await remote.refs()
    await commit(clone, "a.txt")
    ran = await git("push", "origin", "main", at=clone)
    assert ran.code == 1
    assert "remote: branch 'main' is protected: push to another branch and open a pull request from there" in ran.err
    assert "! [remote rejected] main -> main (protected branch: open a pull request)" in ran.err
    assert await remote.refs() == before
    await remote.agrees()


@pytest.mark.parametrize(
    ("refspec", "reason"),
    [
        (":main", "! [remote rejected] main (branch 'main' is the default branch)"),
        ("+HEAD:main", "(protected branch: open a pull request)"),
        ("HEAD:refs/notes/x", "(not a branch or tag)"),
        ("HEAD:refs/pull/1/head", "(not a branch or tag)"),
        (f"HEAD:refs/heads/{'0' * 40}", "(invalid name)"),
        (f"HEAD:refs/heads/{'x' * 201}", "(invalid name)"),
        ("HEAD^{tree}:refs/heads/tree", "refs/heads/tree"),
    ],
)
async def test_what_no_push_may_do_says_why(remote: Remote, clone: Path, refspec: str, reason: str) -> None:
    before = await remote.refs()
    await commit(clone, "a.txt")
    ran = await git("push", "origin", refspec, at=clone)
    assert ran.code != 0
    assert reason in ran.err
    assert await remote.refs() == before
    await remote.agrees()


async def test_a_branch_below_another_is_refused_for_the_name_that_is_in_the_way(remote: Remote, clone: Path) -> None:
    await done("push", "--quiet", "origin", "main:work", at=clone)
    ran = await git("push", "origin", "main:work/deeper", at=clone)
    assert ran.code == 1
    assert "refs/heads/work" in ran.err
    assert (await remote.refs()).keys() == {"main", "work"}
    await remote.agrees()


@pytest.mark.parametrize("atomic", [(), ("--atomic",)])
async def test_one_refused_ref_keeps_the_others_of_its_push(
    remote: Remote, clone: Path, atomic: tuple[str, ...]
) -> None:
    before = await remote.refs()
    await commit(clone, "a.txt")
    ran = await git("push", *atomic, "origin", "main:fine", "main", at=clone)
    assert ran.code == 1
    assert "main -> fine (refused with the others of this push)" in ran.err
    assert "main -> main (protected branch: open a pull request)" in ran.err
    assert await remote.refs() == before
    await remote.agrees()


async def test_a_push_onto_a_branch_that_moved_on_is_refused_and_succeeds_after_a_fetch(
    remote: Remote, clone: Path, tmp_path: Path
) -> None:
    await done("push", "--quiet", "origin", "main:work", at=clone)
    other = await remote.clone(tmp_path / "other", "--branch=work")
    await commit(other, "b.txt")
    await done("push", "--quiet", "origin", "work", at=other)
    await commit(clone, "a.txt")
    ran = await git("push", "origin", "main:work", at=clone)
    assert ran.code == 1
    assert "[rejected]" in ran.err
    await done("pull", "--quiet", "--rebase", "origin", "work", at=clone)
    await done("push", "--quiet", "origin", "main:work", at=clone)
    await remote.agrees()


async def test_a_token_works_as_password_and_as_bearer_and_nothing_else_does(site: Site, remote: Remote) -> None:
    token = site.admin.token
    url = f"/git/acme/booking/{remote.name}.git/info/refs?service=git-upload-pack"
    for header, status in (
        (None, 401),
        ("Bearer nonsense", 401),
        ("Basic !", 401),
        ("Digest x", 401),
        (basic("nonsense"), 401),
        (basic(""), 401),
        (f"Bearer {token}", 200),
        (basic(token), 200),
        (basic(token, user=""), 200),
    ):
        answer = await site.admin.http.get(url, headers={} if header is None else {"Authorization": header})
        assert answer.status_code == status
        assert ("Basic" in answer.headers.get("www-authenticate", "")) is (status == 401)
    header = f"http.extraHeader=Authorization: Bearer {token}"
    assert (await done("-c", header, "ls-remote", remote.url)).split()[1] == "HEAD"


async def test_without_a_token_every_address_asks_for_one_whether_it_exists_or_not(site: Site, remote: Remote) -> None:
    for path in (f"acme/booking/{remote.name}", "acme/booking/absent", "absent/absent/absent"):
        for method, call in (
            ("GET", "info/refs?service=git-upload-pack"),
            ("GET", "info/refs?service=git-receive-pack"),
            ("POST", "git-upload-pack"),
            ("POST", "git-receive-pack"),
        ):
            answer = await site.admin.http.request(method, f"/git/{path}.git/{call}")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Basic realm="slipway", charset="UTF-8"'


async def test_unknown_foreign_and_out_of_sight_repositories_look_the_same(site: Site, remote: Remote) -> None:
    tenant, mine = f"t{remote.name}", f"p{remote.name}"
    other = ServedClient(site.admin.slipway, (await site.operator.tenant(tenant)).token, site.admin.url)
    project = (await site.admin.done("createProject", "project { id }", name=mine))["project"]["id"]
    _, limited = await site.token("limited", ["REPOSITORIES_WRITE", "READ"], projectIds=[project])
    told = set()
    for token, path in (
        (other.token, f"acme/booking/{remote.name}"),
        (limited, f"acme/booking/{remote.name}"),
        (site.admin.token, f"acme/booking/{remote.name}x"),
        (site.admin.token, f"acme/absent/{remote.name}"),
        (site.admin.token, f"{tenant}/booking/{remote.name}"),
        (other.token, f"{tenant}/booking/{remote.name}"),
    ):
        for method, call in (
            ("GET", "info/refs?service=git-upload-pack"),
            ("GET", "info/refs?service=git-receive-pack"),
            ("POST", "git-upload-pack"),
            ("POST", "git-receive-pack"),
        ):
            headers = {"Authorization": basic(token)}
            answer = await site.admin.http.request(method, f"/git/{path}.git/{call}", headers=headers)
            told.add((answer.status_code, answer.text.replace(path, "PATH"), tuple(sorted(answer.headers))))
    assert [(status, text) for status, text, _ in told] == [
        (404, "repository 'PATH' does not exist or is out of your sight\n")
    ]
    await other.http.aclose()


async def test_a_reader_fetches_and_may_not_push(site: Site, remote: Remote, tmp_path: Path) -> None:
    _, token = await site.token("reader", ["READ"])
    folder = tmp_path / "clone"
    await done("clone", "--quiet", remote.signed(token), str(folder))
    await commit(folder, "a.txt")
    ran = await git("push", "origin", "main:work", at=folder)
    assert ran.code == 128
    assert "remote: this needs the scope devops.repositories.write" in ran.err


async def test_a_reader_cannot_post_a_push_past_the_advertisement(site: Site, remote: Remote) -> None:
    _, token = await site.token("reader-2", ["READ"])
    headers = {"Authorization": basic(token), "Content-Type": "application/x-git-receive-pack-request"}
    answer = await site.admin.http.post(
        f"/git/acme/booking/{remote.name}.git/git-receive-pack", content=b"0000", headers=headers
    )
    assert answer.status_code == 403
    assert answer.text.startswith("this needs the scope devops.repositories.write")


async def test_a_revoked_token_is_asked_for_another(site: Site, remote: Remote, clone: Path) -> None:
    id, token = await site.token("leaver", ["REPOSITORIES_WRITE", "READ"])
    assert (await git("ls-remote", remote.signed(token))).code == 0
    await site.admin.done("revokeToken", "token { id }", tokenId=id)
    ran = await git("ls-remote", remote.signed(token))
    assert ran.code == 128
    assert "Authentication failed" in ran.err
    await commit(clone, "a.txt")
    ran = await git("push", remote.signed(token), "main:work", at=clone)
    assert ran.code == 128
    assert (await remote.refs()).keys() == {"main"}


async def test_an_expired_token_is_asked_for_another(site: Site, remote: Remote) -> None:
    _, token = await site.token("guest", ["READ"])
    slipway = site.admin.slipway
    claims = slipway.services.identities.claims(token)
    issuer = TokenIssuer((slipway.settings.data / "issuer.pem").read_bytes())
    owner = {"tenant_id": claims.tenant_id, "identity_id": claims.identity_id, "token_id": claims.token_id}
    assert (
        await git("ls-remote", remote.signed(issuer.issue(**owner, expires_at=now() + timedelta(hours=1))))
    ).code == 0
    token = issuer.issue(**owner, expires_at=now() - timedelta(seconds=1))
    ran = await git("ls-remote", remote.signed(token))
    assert ran.code == 128
    assert "Authentication failed" in ran.err
