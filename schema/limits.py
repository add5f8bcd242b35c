"""The bounds of the API: set by the operator, told to every client."""

from collections.abc import Mapping
from dataclasses import fields

import strawberry

from schema.connections import MOST
from schema.scalars import BigInt


@strawberry.type(
    description="What a request may be at most; over it, the answer says which limit, the value and the bound."
)
class Limits:
    """Each is a setting: ``SLIPWAY_LIMIT_`` and its name in upper case."""

    body_bytes: int = strawberry.field(default=262_144, description="Bytes of a request's body.")
    tokens: int = strawberry.field(default=2_000, description="Tokens of a document.")
    depth: int = strawberry.field(default=16, description="Fields within fields.")
    aliases: int = strawberry.field(default=15, description="Aliases in a document.")
    root_fields: int = strawberry.field(default=20, description="Fields at the root of an operation.")
    selections: int = strawberry.field(default=100, description="Selections side by side, fragments spread out.")
    cost: int = strawberry.field(
        default=50_000, description="Cost of an operation: an object 2, a scalar 1, times the page size asked for."
    )
    errors: int = strawberry.field(default=9, description="Errors that an answer tells.")
    operation_ms: int = strawberry.field(default=10_000, description="Milliseconds that an operation may take.")
    subscriptions: int = strawberry.field(default=100, description="Subscriptions of one connection.")
    upload_bytes: BigInt = strawberry.field(default=BigInt(2**30), description="Bytes of one upload.")
    uploads_bytes: BigInt = strawberry.field(
        default=BigInt(20 * 2**30),
        description="Bytes of uploads that a tenant keeps at once; what comes meanwhile is counted after.",
    )
    images_bytes: BigInt = strawberry.field(
        default=BigInt(100 * 2**30), description="Bytes of images, and of those that are on their way, of a tenant."
    )
    page_size: int = strawberry.field(default=MOST, description="Nodes of a page; not a setting.")


def limits_of(environ: Mapping[str, str]) -> Limits:
    """The defaults with what the environment sets; ValueError names what is not a limit or not a number."""
    limits = Limits()
    known = {f"SLIPWAY_LIMIT_{field.name.upper()}": field.name for field in fields(Limits) if field.name != "page_size"}
    for name, value in environ.items():
        if not name.startswith("SLIPWAY_LIMIT_"):
            continue
        if name not in known:
            raise ValueError(f"{name} is no limit: there are {', '.join(sorted(known))}")
        if not value.isdigit() or int(value) < 1:
            raise ValueError(f"{name} is {value!r}: set it to a whole number over 0")
        setattr(limits, known[name], int(value))
    return limits
