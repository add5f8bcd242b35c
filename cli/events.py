"""``slipway events``: the canonical stream of a served installation, followed over server-sent events."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from cli.failure import Failed
from main import DEFAULT_PORT

commands = typer.Typer()
QUERY: Final = """subscription($after: String, $from: From!, $filter: EventFilterInput) {
  events(after: $after, from: $from, filter: $filter) {
    cursor eventId eventType schemaVersion tenantId sequence projectId moduleId subjectType subjectId traceId
    correlationId causationId actor onBehalfOf occurredAt payload prevHash hash } }"""
SILENT_SECONDS: Final = 45.0  # three heartbeats
LONGEST_WAIT: Final = 30.0
ENDED: Final = {"LAGGED"}


@commands.command("tail")
def tail(
    token: Annotated[str, typer.Option(envvar="SLIPWAY_TOKEN", help="A token of the tenant.", show_default=False)],
    url: Annotated[
        str, typer.Option(envvar="SLIPWAY_URL", help="Where it is served.")
    ] = f"http://127.0.0.1:{DEFAULT_PORT}",
    after: Annotated[str | None, typer.Option(help="The cursor to go on from; now when absent.")] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Replay everything.")] = False,
    types: Annotated[list[str] | None, typer.Option("--type", help="An event type; give it once for each.")] = None,
    limit: Annotated[int | None, typer.Option(help="End after so many events; never when absent.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One envelope a line.")] = False,
    retries: Annotated[int, typer.Option(help="Attempts to connect again before giving up.", min=0)] = 10,
) -> None:
    """Follow the events until interrupted; a lost connection is taken up again where it broke off."""
    console = Console(highlight=False, soft_wrap=True)
    asked = Asked(
        url=url.rstrip("/"),
        token=token,
        types=types or None,
        from_beginning=from_beginning,
        limit=limit,
        retries=retries,
    )
    try:
        asyncio.run(_tail(asked, after, console, as_json=as_json))
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left: what is buffered goes nowhere


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is followed."""

    url: str
    token: str
    types: list[str] | None
    from_beginning: bool
    limit: int | None
    retries: int


class Lost(Exception):
    """The connection broke off or could not be made."""


async def _tail(asked: Asked, after: str | None, console: Console, *, as_json: bool) -> None:
    failures, left = 0, asked.limit
    async with httpx.AsyncClient(timeout=httpx.Timeout(10, read=SILENT_SECONDS)) as http:
        while True:
            try:
                async for cursor, event in _events(http, asked, after):
                    after, failures = cursor, 0
                    if event is not None:
                        _show(console, event, as_json=as_json)
                        left = None if left is None else left - 1
                        if left == 0:
                            return
            except Lost as lost:
                failures += 1
                if failures > asked.retries:
                    raise Failed(f"{asked.url} is not there: {lost}") from lost
                wait = min(LONGEST_WAIT, 0.25 * 2**failures)
                typer.echo(f"slipway: {lost}: trying again in {wait:g} s", err=True)
                await asyncio.sleep(wait)


async def _events(
    http: httpx.AsyncClient, asked: Asked, after: str | None
) -> AsyncIterator[tuple[str, dict[str, Any] | None]]:
    """(cursor, event) of one connection, None with a heartbeat; Lost when it ends, Failed when it is refused."""
    start = "BEGINNING" if asked.from_beginning else "NOW"
    variables = {"after": after, "from": start, "filter": {"types": asked.types}}
    headers = {"Authorization": f"Bearer {asked.token}", "Accept": "text/event-stream"}
    body = {"query": QUERY, "variables": variables}
    try:
        async with http.stream("POST", asked.url + "/graphql", json=body, headers=headers) as answer:
            await _check(answer)
            async for block in _blocks(answer):
                if block.get("event") == "complete":
                    raise Lost("the server ended the stream")
                event = None if "data" not in block else _event_in(json.loads(block["data"]))
                if "id" in block:
                    yield block["id"], event
    except httpx.TransportError as error:
        raise Lost(str(error) or type(error).__name__) from error
    raise Lost("the connection was closed")


async def _check(answer: httpx.Response) -> None:
    if answer.status_code == 200:
        return
    text = (await answer.aread()).decode(errors="replace")
    if answer.status_code >= 500:
        raise Lost(f"the server answered {answer.status_code}")
    try:
        message = json.loads(text)["errors"][0]["message"]
    except (ValueError, LookupError, TypeError):
        message = text[:200]
    raise Failed(f"{answer.url} answered {answer.status_code}: {message}")


async def _blocks(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    block: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            block[name] = value.removeprefix(" ")
        elif block:
            yield block
            block = {}


def _event_in(result: dict[str, Any]) -> dict[str, Any]:
    errors = result.get("errors")
    if not errors:
        event: dict[str, Any] = result["data"]["events"]
        return event
    if (errors[0].get("extensions") or {}).get("code") in ENDED:
        raise Lost(errors[0]["message"])
    raise Failed(errors[0]["message"])


def _show(console: Console, event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(event, separators=(",", ":")))
        return
    told = ", ".join(f"{name} {_short(value)}" for name, value in event["payload"].items() if value is not None)
    console.print(
        f"[dim]{event['occurredAt'][11:23]}[/] [cyan]{event['cursor']:>6}[/] [bold]{event['eventType']}[/]"
        f" {event['subjectId']} [dim]{escape(told)}[/]"
    )


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"
