"""How a mutation tells the scope that it needs."""

from services.actor import Scope


def scoped(scope: Scope, description: str) -> str:
    """A mutation's description that names the scope it needs."""
    return f"{description} Scope: {scope.value}."
