"""The peer of ``clone_push``: stock ``git http-backend`` behind the smallest ASGI app that streams both ways.

``python -m bench.http_backend FOLDER`` serves the folder's bare repositories on a free loopback port, which it prints.
"""

import asyncio
import contextlib
import os
import socket
import sys
from typing import Any, Final

import uvicorn

CHUNK: Final = 262_144


class HttpBackend:
    """No tokens, no rules, no rows: what Git itself needs."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One child process a request."""
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", env=self._environment(scope), limit=2 * CHUNK,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        feeding = asyncio.create_task(_feed(process, receive))
        assert process.stdout is not None
        head = (await process.stdout.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head)
        status = int(headers.pop("Status", "200").split()[0])
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        while chunk := await process.stdout.read(CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        await asyncio.gather(feeding, process.wait())

    def _environment(self, scope: dict[str, Any]) -> dict[str, str]:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        given = {
            "CONTENT_TYPE": "content-type",
            "CONTENT_LENGTH": "content-length",
            "HTTP_CONTENT_ENCODING": "content-encoding",
            "GIT_PROTOCOL": "git-protocol",
        }
        return {
            "PATH": os.environ["PATH"],
            "HOME": self._folder,
            "GIT_PROJECT_ROOT": self._folder,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": scope["path"],
            "REQUEST_METHOD": scope["method"],
            "QUERY_STRING": scope["query_string"].decode(),
            "REMOTE_USER": "anyone",
            **{name: headers[header] for name, header in given.items() if header in headers},
        }


async def _feed(process: asyncio.subprocess.Process, receive: Any) -> None:
    """Git ends without reading on when the body is only a client's probe."""
    assert process.stdin is not None
    more = True
    with contextlib.suppress(OSError, RuntimeError):
        while more:
            message = await receive()
            process.stdin.write(message.get("body", b""))
            await process.stdin.drain()
            more = message.get("more_body", False)
        process.stdin.close()


def main() -> None:
    """Until it is ended."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(HttpBackend(sys.argv[1]), log_level="warning", access_log=False, lifespan="off", ws="none")
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
