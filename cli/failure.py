"""How a command fails."""

from typer.exceptions import TyperException


class Failed(TyperException):
    """Told as one line on stderr; the exit code is 1."""
