"""The commands of ``slipway``, one file each; this one names them."""

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from cli import doctor, event_catalogue, events, schema, serve, token
from cli.demo.command import demo

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="One GraphQL graph for software delivery.")
app.command("serve", help="Serve the API on this machine.")(serve.serve)
app.command("demo", help="From an artifact to a merged pull request, through the API alone.")(demo)
app.add_typer(token.commands, name="token", help="Tokens, for whoever owns the data folder.")
app.add_typer(events.commands, name="events", help="The event stream, and what is in it.")
events.commands.command("docs", help="Print the event catalogue, or write it to the checkout.")(event_catalogue.docs)
app.command("schema", help="Print the GraphQL schema, or write it to the checkout.")(schema.schema)
app.command("doctor", help="Tell what this machine has and what it lacks.")(doctor.doctor)


def run(arguments: Sequence[str]) -> int:
    """The exit code; a failure is one line on stderr, with 2 when the command line is wrong and 1 otherwise."""
    try:
        return app(list(arguments) or ["--help"], prog_name="slipway", standalone_mode=False) or 0
    except TyperException as error:
        typer.echo(f"slipway: {' '.join(error.format_message().split())}", err=True)
        return error.exit_code


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
