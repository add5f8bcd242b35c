"""Forms are the same however the network cuts them."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from http_api.form_data import FormData

TYPE = "multipart/form-data; boundary=b0undary"


def form(*parts: tuple[str, bytes]) -> bytes:
    told = b"".join(
        b'--b0undary\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), data)
        for name, data in parts
    )
    return told + b"--b0undary--\r\n"


async def cut(body: bytes, places: list[int]) -> AsyncIterator[bytes]:
    ends = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    for start, end in itertools.pairwise(ends):
        yield body[start:end]


async def read(body: bytes, places: list[int]) -> tuple[bytes, str | None, str | None]:
    data = FormData(TYPE, cut(body, places), file_field="content")
    await data.begin()
    content = b"".join([piece async for piece in data.content()])
    return content, data.field("before"), data.field("after")


@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=12))
def test_however_it_is_cut_it_is_the_same(content: bytes, places: list[int]) -> None:
    body = form(("before", b"first"), ("before", b"second"), ("content", content), ("after", "ü".encode()))
    if b"\r\n--b0undary" in content:
        return
    assert asyncio.run(read(body, places)) == (content, "first", "ü")


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=6))
def test_whatever_else_comes_is_refused_as_a_form(body: bytes, places: list[int]) -> None:
    with pytest.raises(HTTPException) as refused:
        asyncio.run(read(body, places))
    assert refused.value.status_code == 400


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary="])
async def test_another_content_type_is_refused(kind: str) -> None:
    with pytest.raises(HTTPException) as refused:
        FormData(kind, cut(b"", []), file_field="content")
    assert refused.value.status_code == 415
