"""The command that measures the suite itself."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli.output import bundled, fail, plain_console, put, watched

if TYPE_CHECKING:
    from conformance.selftest.results import SelfTest


def selftest(
    layers: Annotated[
        str, typer.Option(metavar="NAMES", help="Only these specs, such as Linear,Conv2d.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print counts and the matrix.")] = False,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the kill matrix as Markdown.")
    ] = None,
    check_file: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", help="Fail if this kill matrix is stale."),
    ] = None,
    processes: Annotated[int, typer.Option("-n", min=1, help="Processes to use.")] = 2,
) -> None:
    """Measure the suite: every known misreading is caught, and nothing that is right."""
    from json import dumps

    from rich.progress import Progress

    from conformance.selftest.matrix import markdown
    from conformance.selftest.running import run
    from conformance.spec.catalogue import find_spec

    try:
        specs = [find_spec(name) for name in layers.split(",")] if layers else bundled()
    except KeyError as error:
        raise fail(error.args[0]) from None
    console = plain_console(stderr=True)
    with Progress(console=console, disable=not watched(console)) as progress:
        task = progress.add_task("self-test", total=len(specs))
        result = run(specs, processes, lambda name: progress.advance(task))
    if json:
        typer.echo(dumps(result.as_data(), indent=1))
    else:
        _power(result, gated=not layers)
    table = markdown(result.rows)
    if write is not None:
        put(table, write)
    stale = check_file is not None and check_file.read_text(encoding="utf-8") != table
    if stale:
        again = f"conformance selftest --write {shlex.quote(str(check_file))}"
        plain_console(stderr=True).print(f"{check_file} is stale: {again}", soft_wrap=True)
    if stale or list(result.problems(gated=not layers)):
        raise typer.Exit(1)


def _mutants(result: SelfTest) -> str:
    """``723 mistakes of any layer, 723 killed; 300 candidates that do no work, 300 killed``."""
    words = {"generic": "mistakes of any layer", "trivial": "candidates that do no work"}
    counts = {kind: result.mutants(kind) for kind in words}
    return "; ".join(f"{counts[k][0]} {words[k]}, {counts[k][1]} killed" for k in words)


def _power(result: SelfTest, gated: bool) -> None:
    """The kill matrix, shortened: a line per misreading, then the counts."""
    from rich import box
    from rich.table import Table

    console = plain_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("spec", no_wrap=True)
    table.add_column("misreading", no_wrap=True)
    table.add_column("caught by (first the checks that are meant to)", ratio=1)
    last = ""
    for row in result.rows:
        also = [name for name in row.caught_by if name not in row.intended]
        caught = [name for name in row.intended if name in row.caught_by]
        words = ", ".join(caught) or "SURVIVES"
        if also:
            words += f"; also {', '.join(also[:3])}" + (
                f" and {len(also) - 3} more" * (len(also) > 3)
            )
        table.add_row(row.spec if row.spec != last else "", row.id, words)
        last = row.spec
    console.print(table)
    for problem in result.problems(gated):
        console.print(problem, soft_wrap=True)
    console.print(
        f"{len(result.rows)} misreadings, {result.killed} killed; {_mutants(result)}; "
        f"{result.named:.1f} % of {sum(row.failures for row in result.rows)} failures diagnosed as "
        f"what caused them; {len(result.alarms)} false alarms on {', '.join(result.correct)}",
        soft_wrap=True,
    )
