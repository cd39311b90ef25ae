"""The commands that read reports: show one again, compare several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from conformance.cli.output import fail, in_colour, plain_console, put

if TYPE_CHECKING:
    from conformance.records.report import Report


def report(
    file: Annotated[Path, typer.Argument(metavar="REPORT", help="report.json, or its folder.")],
    form: Annotated[
        Literal["html", "markdown", "terminal"], typer.Option("--format", help="What to write.")
    ] = "terminal",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it here instead of printing it.")
    ] = None,
) -> None:
    """Show a report again: as a page, as Markdown, or as the table of the terminal."""
    from conformance.reports.html_report import render_html
    from conformance.reports.markdown import markdown
    from conformance.reports.terminal import render

    read, console = _read(file), plain_console()
    if form == "terminal":
        color = in_colour(console) and out is None
        text = render(read, max(80, console.width), color)
    else:
        text = render_html(read) if form == "html" else markdown(read)
    put(text, out)


def diff(
    old: Annotated[Path, typer.Argument(help="report.json of before, or its folder.")],
    new: Annotated[Path, typer.Argument(help="report.json of now, or its folder.")],
) -> None:
    """What changed between two reports; exit status 1 if something newly fails."""
    from conformance.reports.difference import difference, difference_text

    before, after = _read(old), _read(new)
    typer.echo(difference_text(before, after), nl=False)
    if difference(before, after).newly_failing:
        raise typer.Exit(1)


def compare(
    files: Annotated[
        list[Path], typer.Argument(metavar="REPORT…", help="report.json, or folders.")
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the table as a page.")
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Several reports side by side: a row per layer, a column per report."""
    from conformance.reports.scoreboard import (
        scoreboard,
        scoreboard_html,
        scoreboard_markdown,
        scoreboard_text,
    )

    board = scoreboard({str(file): _read(file) for file in files})
    console = plain_console()
    if html is not None:
        put(scoreboard_html(board), html)
    if as_markdown:
        typer.echo(scoreboard_markdown(board), nl=False)
    else:
        text = scoreboard_text(board, max(80, console.width), in_colour(console))
        typer.echo(text, nl=False)


def _read(file: Path) -> Report:
    from conformance.reports.json_report import UnreadableReport, read_json

    try:
        return read_json(file)
    except UnreadableReport as error:
        raise fail(str(error)) from None
