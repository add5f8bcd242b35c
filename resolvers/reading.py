"""What queries of every context share: pages of a type, and how a scope is told."""

from typing import Any

from resolvers.context import Info
from schema.connections import Connection, asked
from services.actor import Scope


async def page(info: Info, target: str, first: int | None, after: str | None, **where: object) -> Connection[Any]:
    """A page of every row in sight, oldest first."""
    wanted = asked(where, ("id", False), first, after, None, None)
    found: Connection[Any] = await info.context.loaders.root(target, wanted)
    return found


def scoped(scope: Scope, description: str) -> str:
    """A mutation's description that names the scope it needs."""
    return f"{description} Scope: {scope.value}."
