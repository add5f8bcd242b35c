"""What a client asks: read from a POST's JSON, a GET's query string or a socket's message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.types import Receive

from resolvers.refusals import Code, Refused, TooLarge


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphqlRequest:
    """One operation as it was asked for; nothing of it is parsed yet."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)
    queries_only: bool = False


def request_of(asked: object, *, queries_only: bool = False) -> GraphqlRequest:
    """The request of a decoded JSON value; Refused names the member that is of the wrong type."""
    if isinstance(asked, list):
        raise _bad("batches are not taken: send each operation by itself")
    if not isinstance(asked, Mapping):
        raise _bad(f"the body is {_kind(asked)}: send an object with a query")
    query = asked.get("query")
    if not isinstance(query, str):
        raise _bad(f"query is {_kind(query)}: send the document as a string")
    name = asked.get("operationName")
    if name is not None and not isinstance(name, str):
        raise _bad(f"operationName is {_kind(name)}: send a string or leave it out")
    return GraphqlRequest(
        query=query,
        operation_name=name or None,
        variables=_object(asked, "variables"),
        extensions=_object(asked, "extensions"),
        queries_only=queries_only,
    )


def json_of(body: bytes, what: str = "the body") -> Any:
    """Strict JSON in UTF-8; Refused says where it breaks."""
    if not body:
        raise _bad(f"{what} is empty: send a JSON object with a query")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _bad(f"{what} is not JSON: {error}") from error


def request_of_url(query_string: bytes) -> GraphqlRequest:
    """The request of a GET: variables and extensions are JSON in their parameters."""
    try:
        given = parse_qs(query_string.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as error:
        raise _bad(f"the query string cannot be read: {error}") from error
    repeated = [name for name, values in given.items() if len(values) > 1]
    if repeated:
        raise _bad(f"the parameter {repeated[0][:60]!r} is given more than once")
    asked: dict[str, Any] = {name: values[0] for name, values in given.items()}
    for name in ("variables", "extensions"):
        if asked.get(name):
            asked[name] = json_of(asked[name].encode(), f"the parameter {name}")
        else:
            asked.pop(name, None)
    return request_of(asked, queries_only=True)


async def body_of(receive: Receive, length: str | None, bound: int) -> bytes:
    """The whole body, counted while it is read, so that a chunked one is bounded too."""
    if length is not None and length.isdigit() and int(length[:20]) > bound:
        raise _too_large(int(length[:20]), bound)
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _bad("the body ended early")
        part = message.get("body", b"")
        size += len(part)
        if size > bound:
            raise _too_large(size, bound)
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _object(asked: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = asked.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _bad(f"{name} is {_kind(value)}: send an object or leave it out")
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "absent"}
    return names.get(type(value), "a number")


def _bad(message: str) -> Refused:
    return Refused(Code.BAD_REQUEST, message)


def _too_large(size: int, bound: int) -> TooLarge:
    message = f"the body has {size} bytes or more: the limit is {bound}"
    return TooLarge(Code.LIMIT_EXCEEDED, message, limit="bodyBytes", value=size, bound=bound)
