"""The commands of ``slipway``, one file each; this one names them."""

import typer

from cli import demo, doctor, schema, serve

app = typer.Typer(no_args_is_help=True, add_completion=False, help="One GraphQL graph for software delivery.")
app.command("serve", help="Serve the API on this machine.")(serve.serve)
app.command("demo", help="Walk through what stands, on real input, through the API alone.")(demo.demo)
app.command("schema", help="Print the GraphQL schema, or write it to the checkout.")(schema.schema)
app.command("doctor", help="Tell what this machine has and what it lacks.")(doctor.doctor)


def main() -> None:
    """The console script."""
    app()
