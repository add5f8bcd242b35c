"""The explorer in a real browser: signed in by a link, answering what is typed, asking nothing of the outside."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from main import Settings, Slipway
from tests.api.conftest import Client, serving
from tests.browser import browsing
from tests.machine import needs

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Client]:
    slipway = Slipway(Settings(data=tmp_path / "data"))
    yield Client(slipway, str(await slipway.start()))
    await slipway.database.close()


@needs("chromium")
async def test_a_query_that_is_typed_is_answered_and_nothing_outside_is_asked_for(
    operator: Client, tmp_path: Path
) -> None:
    async with serving(operator.slipway) as url:
        link = f"{url}/login?code={operator.slipway.login_links.new()}"
        async with browsing(tmp_path / "profile", link) as browser:
            await browser.until("document.querySelector('#caller').textContent.startsWith('admin of operator')")
            await browser.until("document.querySelector('#page').textContent.includes('mutation: Mutation')")
            await browser.type("#query", "query Me($id: ID!) { viewer { identity { name } } node(id: $id) { id } }")
            await browser.type("#variables", json.dumps({"id": "proj-" + "0" * 32}))
            await browser.press_control_enter()
            await browser.until("document.querySelector('#status').textContent.startsWith('200 in ')")
            answer = json.loads(await browser.run("document.querySelector('#answer').textContent"))
        assert answer == {"data": {"viewer": {"identity": {"name": "admin"}}, "node": None}}
        assert {urlsplit(asked).netloc for asked in browser.asked_for if not asked.startswith("data:")} == {
            urlsplit(url).netloc
        }
        assert browser.complaints == []


@needs("chromium")
async def test_a_subscription_is_shown_as_it_happens_and_can_be_stopped(operator: Client, tmp_path: Path) -> None:
    async with serving(operator.slipway) as url, browsing(tmp_path / "profile", url + "/graphql") as browser:
        await browser.until("document.querySelector('#page').textContent.includes('who is signed in')")
        await browser.type("#token", operator.token)
        await browser.run("document.querySelector('#token').dispatchEvent(new Event('change'))")
        await browser.until("document.querySelector('#caller').textContent.startsWith('admin of operator')")
        await browser.type("#query", "subscription { events { eventType } }")
        await browser.press_control_enter()
        await browser.until("document.querySelector('#run').textContent === 'Stop'")
        await asyncio.sleep(0.5)
        await operator.done("createProject", "project { id }", name="seen")
        await browser.until("document.querySelector('#answer').textContent.includes('ProjectCreated')")
        await browser.run("document.querySelector('#run').click()")
        await browser.until("document.querySelector('#status').textContent === 'Stopped after 1.'")


@needs("chromium")
async def test_a_root_field_is_written_as_an_operation_that_is_valid(operator: Client, tmp_path: Path) -> None:
    async with serving(operator.slipway) as url:
        link = f"{url}/login?code={operator.slipway.login_links.new()}"
        async with browsing(tmp_path / "profile", link) as browser:
            await browser.until("document.querySelector('#page').textContent.includes('mutation: Mutation')")
            written = await browser.run(
                """(async () => {
                    const { Schema, INTROSPECTION } = await import('/explorer/schema.js');
                    const { run } = await import('/explorer/client.js');
                    let told;
                    const next = (result) => { told = result.data.__schema; };
                    await run({ query: INTROSPECTION }, { token: '', next });
                    const schema = new Schema(told);
                    return Object.entries(schema.roots).flatMap(([keyword, root]) =>
                        root.fields.map((field) => schema.operation(keyword, field).query));
                })()"""
            )
    documents = operator.slipway.feeds.operations.documents
    assert len(written) > 30
    for text in written:
        documents.check_cost(documents.get(text, None), {})


async def test_the_page_is_for_browsers_and_lets_them_reach_nothing_else(operator: Client) -> None:
    page = await operator.http.get("/graphql", headers={"Accept": HTML})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; ")
    assert "unsafe" not in policy
    assert (await operator.http.get("/graphql", headers={"Accept": "application/json"})).status_code == 401
    assert (await operator.http.post("/graphql", headers={"Accept": HTML})).status_code == 401
    assert (await operator.http.get("/explorer/explorer.css")).headers["content-type"].startswith("text/css")
    for name in ("explorer.html", "..%2Flogin.py", "nothing.js"):
        assert (await operator.http.get(f"/explorer/{name}")).status_code == 404


async def test_the_explorer_can_be_switched_off(operator: Client) -> None:
    operator.slipway.settings = replace(operator.slipway.settings, explorer=False)
    transport = httpx.ASGITransport(app=operator.slipway.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://slipway.test") as http:
        assert (await http.get("/graphql", headers={"Accept": HTML})).status_code == 401
        assert (await http.get("/explorer/explorer.js")).status_code == 404
