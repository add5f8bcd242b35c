"""A real headless browser, driven over its own protocol; every address it asks for is noted."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--window-size=1400,900",
)


class Browser:
    """One page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._session: str | None = None
        self.asked_for: list[str] = []
        self.complaints: list[str] = []

    async def open(self, url: str) -> None:
        target = await self._do("Target.createTarget", url="about:blank")
        attached = await self._do("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Network", "Page", "Runtime", "Log"):
            await self._do(f"{domain}.enable")
        await self.go(url)

    async def go(self, url: str) -> None:
        await self._do("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        told = await self._do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, condition: str, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not await self.run(condition):  # noqa: ASYNC110  # the page has no event for it
                await asyncio.sleep(0.05)

    async def type(self, selector: str, text: str) -> None:
        await self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.run("document.activeElement.select()")
        await self._do("Input.insertText", text=text)

    async def press_control_enter(self) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 2}
            await self._do("Input.dispatchKeyEvent", type=kind, **key)

    async def screenshot(self) -> bytes:
        return base64.b64decode((await self._do("Page.captureScreenshot"))["data"])

    async def listen(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                self._answers.pop(message["id"]).set_result(message)
            elif message["method"] == "Network.requestWillBeSent":
                self.asked_for.append(message["params"]["request"]["url"])
            elif message["method"] == "Runtime.exceptionThrown" or (
                message["method"] == "Log.entryAdded" and message["params"]["entry"]["level"] != "verbose"
            ):
                self.complaints.append(json.dumps(message["params"]))

    async def _do(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._socket.send(json.dumps(message))
        answer = await asyncio.wait_for(self._answers[number], 20)
        assert "error" not in answer, answer
        return answer["result"]


@asynccontextmanager
async def browsing(profile: Path, url: str) -> AsyncIterator[Browser]:
    """A page of a browser with a fresh profile."""
    command = ("chromium", *_FLAGS, f"--user-data-dir={profile}", "about:blank")
    process = await asyncio.create_subprocess_exec(*command, stdout=-3, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        address = await asyncio.wait_for(_address(process.stderr), 30)
        drain = asyncio.create_task(process.stderr.read())
        async with connect(address, max_size=None, compression=None) as socket:
            browser = Browser(socket)
            listening = asyncio.create_task(browser.listen())
            await browser.open(url)
            yield browser
            listening.cancel()
        drain.cancel()
    finally:
        process.terminate()
        await process.wait()


async def _address(told: asyncio.StreamReader) -> str:
    while line := await told.readline():
        if found := re.search(rb"ws://\S+", line):
            return found[0].decode()
    raise AssertionError("the browser did not start")
