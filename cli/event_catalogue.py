"""``slipway events docs``: the event catalogue as a document, read from the code that tells and follows the events."""

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_type_hints
from uuid import UUID

import typer

from services.events.event import Event, outward
from workers.dispatcher import REPLAYED

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs" / "events.md"
_SCALARS: Final = {str: "String", int: "Int", bool: "Boolean", float: "Float"}
_HEAD: Final = """# Events

Every change is one of these, in its tenant's stream, committed together with what it tells of. `make verify` renews
this file from `services/events/`, from the services that tell the events and from the workers that wake on them.

The envelope is the same for all: `eventId`, `eventType`, `schemaVersion`, `tenantId`, `sequence` (dense in the tenant),
`projectId`, `moduleId`, `subjectType`, `subjectId`, `traceId`, `correlationId`, `causationId`, `actor`, `onBehalfOf`,
`occurredAt`, `payload`, `prevHash` and `hash`. Below are the fields of `payload`; an ID says of what.
"""


def docs(
    write: Annotated[bool, typer.Option(help="Write docs/events.md instead of printing.")] = False,
) -> None:
    """The catalogue, as committed."""
    if write:
        DOCUMENT.write_text(document())
    else:
        typer.echo(document(), nl=False)


def contexts() -> dict[str, list[type[Event]]]:
    """The catalogue's events by context, in the order of its files."""
    names = sorted(path.stem for path in (ROOT / "services" / "events").glob("*.py"))
    found = {name: _events(name) for name in names if name not in {"__init__", "event"}}
    return {name: events for name, events in found.items() if events}


def tellers() -> dict[str, list[str]]:
    """For each event the functions that make one, as ``path function``."""
    known = {event.__name__ for events in contexts().values() for event in events}
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted([*(ROOT / "services").rglob("*.py"), *(ROOT / "workers").glob("*.py")]):
        for function, name in _calls(ast.parse(path.read_text())):
            told = f"`{path.relative_to(ROOT)}` `{function}`"
            if name in known and told not in found[name]:
                found[name].append(told)
    return found


def workers() -> dict[str, tuple[tuple[str, ...], str | None]]:
    """For each worker the events that wake it, and the type whose rows its timer looks at."""
    found = {}
    for path in sorted((ROOT / "workers").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and (told := _class_values(node)).keys() >= {"name", "wakes_on"}:
                timed = told.get("ticks_for")
                row = timed.id.removesuffix("Row") if isinstance(timed, ast.Name) else None
                found[ast.literal_eval(told["name"])] = (tuple(ast.literal_eval(told["wakes_on"])), row)
    return found


def document() -> str:
    """The whole of docs/events.md."""
    woken: dict[str, list[str]] = defaultdict(list)
    for worker, (events, _) in workers().items():
        for event in events:
            woken[event].append(worker)
    woken[REPLAYED].append("the worker that it names")
    told = tellers()
    parts = [_HEAD]
    for context, events_ in contexts().items():
        parts.append(f"\n## {context}\n")
        parts += [_section(event, told[event.__name__], woken[event.__name__]) for event in events_]
    parts.append("\n## What wakes the workers\n\n| worker | wakes on |\n|---|---|\n")
    for worker, (wakes_on, row) in sorted(workers().items()):
        causes = [f"`{event}`" for event in wakes_on] + ([f"its timer, for each due {row}"] if row else [])
        parts.append(f"| {worker} | {', '.join(causes)} |\n")
    return "".join(parts)


def _section(event: type[Event], told: list[str], woken: list[str]) -> str:
    payload = [f"`{outward(field.name)}: {_type(event, field)}`" for field in fields(event)]
    return (
        f"\n### {event.__name__}\n\n{inspect.cleandoc(event.__doc__ or '')}\n\n"
        f"- of a {event.subject}, version {event.schema_version}\n"
        f"- payload: {', '.join(payload) or 'nothing'}\n"
        f"- told by {', '.join(told) or 'nobody'}\n"
        f"- wakes {', '.join(woken) or 'nobody'}\n"
    )


def _type(event: type[Event], field: Any) -> str:
    hint, of = get_type_hints(event)[field.name], field.metadata.get("of")
    parts = [part for part in get_args(hint) if part not in {NoneType, Ellipsis}]
    if getattr(hint, "__origin__", None) is tuple:
        return f"[{_name(parts[0], of)}!]!"
    return _name(parts[0] if parts else hint, of) + ("" if NoneType in get_args(hint) else "!")


def _name(kind: type, of: str | None) -> str:
    return f"ID of {of}" if kind is UUID else _SCALARS[kind]


def _events(context: str) -> list[type[Event]]:
    module = importlib.import_module(f"services.events.{context}")
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind.__module__ == module.__name__
    ]


def _calls(tree: ast.AST, function: str = "") -> Iterator[tuple[str, str]]:
    """(function, called name) of every plain call, a method as ``Class.method``."""
    for node in ast.iter_child_nodes(tree):
        named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        inside = f"{function}.{node.name}".lstrip(".") if named else function  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield function, node.func.id
        yield from _calls(node, inside)


def _class_values(node: ast.ClassDef) -> dict[str, ast.expr]:
    return {
        part.target.id: part.value
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.value is not None
    }
