"""Input types that are made many times in one request."""

from collections.abc import Mapping
from typing import Any, TypeVar

from strawberry.schema.config import StrawberryConfig

T = TypeVar("T")


def of_leaves(type_: type[T]) -> type[T]:
    """Builds the input straight from its coerced fields, which must be scalars or enums.

    Strawberry works out each field's type again for each value; 20 files a commit feel it.
    """
    definition: Any = type_.__strawberry_definition__  # type: ignore[attr-defined]  # set by strawberry.input
    outward = StrawberryConfig().name_converter.from_field
    names = {outward(field): field.python_name for field in definition.fields}

    def build(cls: type[T], value: Mapping[str, Any], _: object) -> T:
        return cls(**{names[name]: given for name, given in value.items()})

    definition.from_input = build
    return type_
