"""The command itself: its options and the list of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from conformance.cli import inspecting, reports, selftest, specs

app = typer.Typer(
    name="conformance",
    help="Specification-driven conformance tests for neural-network layers.\n\n"
    "Grading is done by pytest: pytest --impl=NAME",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

# In the order of `conformance --help`.
app.command("list")(specs.list_specs)
app.command()(specs.show)
app.command()(specs.check)
app.command()(specs.checks)
app.command()(specs.record)
app.command()(selftest.selftest)
app.command()(inspecting.inspect)
app.command()(reports.report)
app.command()(reports.diff)
app.command()(reports.compare)
app.command()(specs.schema)


def _print_version(asked: bool) -> None:
    if asked:
        from conformance import __version__

        typer.echo(f"conformance {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command."""
    from conformance.cli.output import fail
    from conformance.errors import ConformanceError
    from conformance.streams import make_tolerant

    make_tolerant()
    try:
        app(prog_name="conformance")  # also as `python -m conformance`
    except ConformanceError as error:
        raise SystemExit(fail(str(error)).exit_code) from None
