"""Inputs of leaves are what Strawberry itself would have made of them."""

from typing import Any

import pytest
from strawberry.types.arguments import convert_argument

from providers.git.values import FileMode
from resolvers.masking import graphql_schema
from schema.source_control_commands import Encoding, FileChangeInput

FULL = {"path": "a", "content": "b", "encoding": Encoding.BASE64, "mode": FileMode.EXECUTABLE, "delete": True}


def convert(value: dict[str, Any]) -> object:
    converter = graphql_schema.schema_converter
    return convert_argument(value, FileChangeInput, converter.scalar_registry, graphql_schema.config)


@pytest.mark.parametrize("value", [FULL, {"path": "a"}, {"path": "a", "content": None, "delete": False}])
def test_it_is_the_same_with_and_without_the_short_cut(value: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    quick = convert(value)
    definition: Any = FileChangeInput.__strawberry_definition__  # type: ignore[attr-defined]
    monkeypatch.setattr(definition, "from_input", None)
    assert quick == convert(value)
    assert quick == FileChangeInput(**value)
