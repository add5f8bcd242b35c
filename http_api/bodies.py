"""Request bodies that are received whole before anything is done: bounded in memory, size and patience."""

import asyncio
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

IN_MEMORY: Final = 1_048_576
CHUNK: Final = 262_144
PATIENCE_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 3_600.0


@asynccontextmanager
async def received(request: Request, folder: Path, *, most: int) -> AsyncIterator[BinaryIO]:
    """The decoded body as a nameless file at its start, gone when left or when the process ends.

    HTTPException: 408 for a client that is silent for a minute or takes an hour, 413 over ``most`` bytes, 415 and 400
    for its encoding.
    """
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > most:
        raise too_large(most)
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        held, size = bytearray(), 0
        async for chunk in _decoded(request):
            size += len(chunk)
            if size > most:
                raise too_large(most)
            held += chunk
            if len(held) >= IN_MEMORY:
                await asyncio.to_thread(file.write, held)
                held = bytearray()
        await asyncio.to_thread(file.write, held)
        file.seek(0)
        yield file


async def _decoded(request: Request) -> AsyncIterator[bytes]:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise HTTPException(415, f"Content-Encoding {encoding[:40]!r} is not taken: send gzip or none")
    if encoding == "identity":
        async for chunk in patient(request):
            yield chunk
        return
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    async for chunk in patient(request):
        for piece in _inflate(inflating, chunk):
            yield piece
    if not inflating.eof:
        raise HTTPException(400, "the gzip'd body ends too early")


def _inflate(inflating: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    try:
        while data:
            yield inflating.decompress(data, CHUNK)
            data = inflating.unconsumed_tail
    except zlib.error as error:
        raise HTTPException(400, "the body is not gzip, which its Content-Encoding says") from error


async def patient(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; HTTPException 408 for a client that is silent for a minute or takes too long."""
    chunks, started = request.stream(), time.monotonic()
    while True:
        if time.monotonic() - started > LONGEST_SECONDS:
            raise _too_slow(f"the body took over {LONGEST_SECONDS:.0f} s")
        try:
            yield await asyncio.wait_for(anext(chunks), PATIENCE_SECONDS)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise _too_slow(f"nothing came for {PATIENCE_SECONDS:.0f} s") from error


def _too_slow(told: str) -> HTTPException:
    return HTTPException(408, told, headers={"Connection": "close"})


def too_large(most: int) -> HTTPException:
    """413."""
    return HTTPException(413, f"the body is over the limit of {most:,} bytes")
