"""What every command on an installation begins with; what is wrong with it is one line, and exit code 2."""

import os
from pathlib import Path

import typer

from cli.failure import Failed
from main import Settings, Slipway
from workers.lock import FolderInUse


def settings_of(data: Path | None) -> Settings:
    """The environment's, with the folder that the command line names."""
    try:
        return Settings.from_env(os.environ | ({"SLIPWAY_DATA": str(data)} if data else {}))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def claimed(settings: Settings) -> Slipway:
    """An installation whose folder no other process works on."""
    try:
        slipway = Slipway(settings)
        slipway.lock.take()
    except FolderInUse as error:
        raise typer.BadParameter(str(error)) from error
    except OSError as error:
        raise Failed(f"the data folder {settings.data} cannot be used: {error.strerror or error}") from error
    return slipway
