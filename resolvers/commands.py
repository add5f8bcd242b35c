"""How a mutation declares its command, and so what the command needs: for the SDL, and for ``viewer.can``."""

from typing import Any, ClassVar, Final, Protocol

import strawberry
from strawberry.schema.config import StrawberryConfig

from resolvers.reading import scoped
from services.actor import Needs

_OUTWARD: Final = StrawberryConfig().name_converter.from_field


class Command(Protocol):
    """A command of a service."""

    needs: ClassVar[Needs]


def mutation(command: type[Command], description: str) -> Any:
    """A mutation that carries out the command; its description names the scope."""
    told = scoped(command.needs.scope, description)
    return strawberry.mutation(description=told, metadata={"needs": command.needs})


def needs_of(root: Any, name: str) -> Needs | None:
    """What the mutation of this outward name needs, or None when the root has no such mutation."""
    fields = root.__strawberry_definition__.fields
    return next((field.metadata.get("needs") for field in fields if _OUTWARD(field) == name), None)
