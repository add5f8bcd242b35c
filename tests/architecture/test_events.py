"""The catalogue, who tells its events and who wakes on them agree, and docs/events.md says so."""

import ast

from cli.event_catalogue import DOCUMENT, contexts, document, tellers, workers
from tests.machine import ROOT

CATALOGUE = {event.__name__ for events in contexts().values() for event in events}


def test_the_committed_catalogue_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text() == document()


def test_every_worker_wakes_on_events_of_the_catalogue_or_on_a_timer() -> None:
    unknown = {name: set(events) - CATALOGUE for name, (events, _) in workers().items()}
    assert {name: missing for name, missing in unknown.items() if missing} == {}
    assert [name for name, (events, row) in workers().items() if not events and row is None] == []


def test_every_event_is_told_by_somebody() -> None:
    assert CATALOGUE - tellers().keys() == set()


def test_every_event_has_one_context() -> None:
    assert len(CATALOGUE) == sum(len(events) for events in contexts().values())


def test_every_worker_is_put_to_work() -> None:
    tree = ast.parse((ROOT / "assembly" / "workers.py").read_text())
    built = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert workers().keys() - built == set()
