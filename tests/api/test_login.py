"""One-time login links: once, soon, from this machine; and the cookie is nothing without our own page's header."""

import dataclasses
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from http_api.login import LoginLinks
from tests.api.conftest import Client

VIEWER = {"query": "{ viewer { identity { name } tenant { name } } }"}
OWN = {"X-Slipway-CSRF": "1"}
HOME = "http://127.0.0.1:7420"


def browser(client: Client, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=client.slipway.app(), client=(peer, 50_000))
    return httpx.AsyncClient(transport=transport, base_url=HOME)


@pytest.fixture
async def signed_in(operator: Client) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(operator) as http:
        await http.get("/login", params={"code": operator.slipway.login_links.new()})
        yield http


async def test_a_link_signs_the_operators_admin_in_and_goes_to_the_explorer(operator: Client) -> None:
    async with browser(operator) as http:
        answer = await http.get("/login", params={"code": operator.slipway.login_links.new()})
        assert (answer.status_code, answer.headers["location"]) == (303, "/graphql")
        assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("slipway-session-7420=ey")
        assert [part.strip() for part in cookie.split(";")[1:]] == [
            "HttpOnly",
            "Max-Age=28800",
            "Path=/",
            "SameSite=strict",
        ]
        viewer = (await http.post("/graphql", json=VIEWER, headers=OWN)).json()["data"]["viewer"]
    assert viewer == {"identity": {"name": "admin"}, "tenant": {"name": "operator"}}


async def test_a_link_works_once(operator: Client) -> None:
    code = operator.slipway.login_links.new()
    async with browser(operator) as http:
        first, second = [await http.get("/login", params={"code": code}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (303, 403)
    assert "set-cookie" not in second.headers


async def test_a_wrong_code_is_refused(operator: Client) -> None:
    async with browser(operator) as http:
        for params in ({}, {"code": ""}, {"code": "x" * 43}):
            assert (await http.get("/login", params=params)).status_code == 403


def test_a_code_expires_after_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    links, now = LoginLinks(), time.monotonic()
    early, late = links.new(), links.new()
    monkeypatch.setattr(time, "monotonic", lambda: now + 590)
    assert links.use(early)
    monkeypatch.setattr(time, "monotonic", lambda: now + 601)
    assert not links.use(late)


def test_codes_that_nobody_uses_are_bounded() -> None:
    links = LoginLinks()
    codes = [links.new() for _ in range(17)]
    assert [links.use(code) for code in codes] == [False] + [True] * 16


@pytest.mark.parametrize("peer", ["192.0.2.7", "::ffff:192.0.2.7", "testclient"])
async def test_a_peer_that_is_not_this_machine_is_refused_and_uses_nothing_up(operator: Client, peer: str) -> None:
    code = operator.slipway.login_links.new()
    async with browser(operator, peer) as http:
        assert (await http.get("/login", params={"code": code})).status_code == 403
    assert operator.slipway.login_links.use(code)


async def test_a_proxy_of_this_machine_is_not_this_machine(operator: Client) -> None:
    code = operator.slipway.login_links.new()
    async with browser(operator, "::1") as http:
        refused = await http.get("/login", params={"code": code}, headers={"X-Forwarded-For": "127.0.0.1"})
        assert refused.status_code == 403
        assert (await http.get("/login", params={"code": code})).status_code == 303


async def test_the_cookie_without_the_header_is_forbidden(signed_in: httpx.AsyncClient) -> None:
    answer = await signed_in.post("/graphql", json=VIEWER)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (403, {"code": "FORBIDDEN"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_the_cookie_from_a_foreign_page_is_forbidden(
    signed_in: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await signed_in.post("/graphql", json=VIEWER, headers=OWN | headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (403, {"code": "FORBIDDEN"})


async def test_the_cookie_from_our_own_page_is_taken(signed_in: httpx.AsyncClient) -> None:
    own = OWN | {"Origin": HOME, "Sec-Fetch-Site": "same-origin"}
    assert (await signed_in.post("/graphql", json=VIEWER, headers=own)).status_code == 200


async def test_a_bearer_token_goes_before_the_cookie(signed_in: httpx.AsyncClient, admin: Client) -> None:
    headers = {"Authorization": f"Bearer {admin.token}"}
    answer = await signed_in.post("/graphql", json=VIEWER, headers=headers)
    assert answer.json()["data"]["viewer"]["tenant"] == {"name": "acme"}
    bad = await signed_in.post("/graphql", json=VIEWER, headers=OWN | {"Authorization": "Bearer no"})
    assert bad.status_code == 401


async def test_a_session_lives_for_eight_hours_and_is_in_the_operators_stream(operator: Client) -> None:
    token = await operator.slipway.operator_sessions.begin()
    actor = await operator.slipway.authenticate(token)
    assert timedelta(hours=7, minutes=59) < timedelta(seconds=actor.expires_at - time.time()) <= timedelta(hours=8)
    assert actor.scopes == {"devops.admin"}


async def test_signing_out_ends_the_session_for_good(signed_in: httpx.AsyncClient) -> None:
    cookie = signed_in.cookies["slipway-session-7420"]
    assert (await signed_in.post("/logout")).status_code == 403
    assert (await signed_in.get("/logout", headers=OWN)).status_code == 405
    out = await signed_in.post("/logout", headers=OWN)
    assert (out.status_code, "slipway-session-7420" in signed_in.cookies) == (200, False)
    signed_in.cookies.set("slipway-session-7420", cookie, domain="127.0.0.1")
    assert (await signed_in.post("/graphql", json=VIEWER, headers=OWN)).status_code == 401
    assert (await signed_in.post("/logout", headers=OWN)).status_code == 200


async def test_another_sites_pages_may_ask_only_where_a_setting_names_them(operator: Client) -> None:
    asked = {"Origin": "https://console.example", "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization, content-type"
    async with browser(operator) as http:
        refused = await http.options("/graphql", headers=asked)
    assert "access-control-allow-origin" not in refused.headers
    origins = ("https://console.example",)
    operator.slipway.settings = dataclasses.replace(operator.slipway.settings, origins=origins)
    async with browser(operator) as http:
        allowed = await http.options("/graphql", headers=asked)
        foreign = await http.options("/graphql", headers=asked | {"Origin": "https://evil.example"})
        answer = await http.post("/graphql", json=VIEWER, headers={"Origin": origins[0]})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, origins[0])
    assert "access-control-allow-credentials" not in allowed.headers
    assert (foreign.status_code, "access-control-allow-origin" in foreign.headers) == (400, False)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, origins[0])
