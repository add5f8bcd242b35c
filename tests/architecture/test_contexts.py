"""The contexts have the same names in every layer."""

import pytest

from tests.machine import ROOT

CONTEXTS = {"platform", "source_control", "pipelines", "packaging", "release", "infrastructure", "gitops"}
BESIDE = {
    "services": {"events"},
    "services/events": {"event"},
    "storage/tables": {"operations", "packages", "registry", "scoped"},
    "storage/queries": {
        "conditions",
        "kept",
        "lineage",
        "operations",
        "registry",
        "packages",
        "retention",
        "rows",
        "uploads",
        "visible",
    },
}
LAYERS = ("services", "services/events", "storage/tables", "storage/queries", "schema", "resolvers")


def names(layer: str) -> set[str]:
    """The context folders of ``services``, and elsewhere the files."""
    if layer == "services":
        return {path.parent.name for path in (ROOT / layer).glob("*/__init__.py")}
    return {path.stem for path in (ROOT / layer).glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("layer", BESIDE)
def test_a_layer_is_divided_by_contexts_and_nothing_else(layer: str) -> None:
    assert names(layer) - CONTEXTS - BESIDE[layer] == set()


def test_a_context_that_the_api_shows_has_its_name_in_every_layer() -> None:
    shown = names("resolvers") & CONTEXTS
    assert {layer: shown - names(layer) for layer in LAYERS if shown - names(layer)} == {}
    assert shown >= {"platform", "source_control"}


def test_what_a_layer_shows_the_layers_below_hold() -> None:
    held = [names(layer) & CONTEXTS for layer in ("services", "schema", "resolvers")]
    assert held[2] <= held[1] <= held[0]
