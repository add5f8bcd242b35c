"""``slipway schema``."""

from pathlib import Path
from typing import Annotated

import typer

from resolvers.masking import graphql_schema

SNAPSHOT = Path(__file__).parents[1] / "schema" / "schema.graphql"


def schema(
    write: Annotated[bool, typer.Option(help="Write schema/schema.graphql instead of printing.")] = False,
) -> None:
    """The SDL, as committed."""
    printed = graphql_schema.as_str() + "\n"
    if write:
        SNAPSHOT.write_text(printed)
    else:
        typer.echo(printed, nl=False)
