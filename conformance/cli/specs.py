"""The commands about specs: list, show, check, record, and the schemas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli.output import bundled, fail, plain_console, watched

if TYPE_CHECKING:
    from conformance.spec.model import Spec


def list_specs(
    grade: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Grade these implementations at the strict tier, such as reference,naive,torch.",
        ),
    ] = "",
) -> None:
    """List the bundled specs, one line each; with --grade, how implementations do on them."""
    from rich import box
    from rich.table import Table

    from conformance.runner.plan import plan
    from conformance.runner.settings import EVERYTHING

    specs = bundled()
    implementations = list(filter(None, grade.split(",")))
    results = {name: _results(name, specs) for name in implementations}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=not implementations)
    table.add_column("spec", no_wrap=True)
    if not implementations:
        table.add_column("family", no_wrap=True)
    for heading in ("checks", *implementations):
        table.add_column(heading, justify="right", no_wrap=True)
    if not implementations:
        table.add_column("summary", no_wrap=True, ratio=1)  # what a narrow terminal cuts short
    for spec in specs:
        counts = [str(len(plan(spec, EVERYTHING)))]
        counts += [results[name][spec.name] for name in implementations]
        if implementations:
            table.add_row(spec.name, *counts)
        else:
            table.add_row(spec.name, spec.header.family, *counts, spec.header.summary)
    plain_console().print(table)


def _results(implementation: str, specs: list[Spec]) -> dict[str, str]:
    """The score on each spec; a dash where the implementation does not have it."""
    from rich.progress import track

    from conformance.candidates.loading.paths import ImplementationError
    from conformance.records.report import score
    from conformance.records.text import percent
    from conformance.runner.grader import Grader
    from conformance.runner.plan import plan
    from conformance.runner.settings import EVERYTHING
    from conformance.sessions.opening import open_session

    try:
        session = open_session(implementation)
    except ImplementationError as error:
        raise fail(str(error)) from None
    grader = Grader(session, EVERYTHING)
    found, console = {}, plain_console(stderr=True)
    title = f"grading {implementation}"
    for spec in track(specs, title, console=console, disable=not watched(console)):
        verdicts = [grader.verdict(planned) for planned in plan(spec, EVERYTHING)]
        found[spec.name] = percent(score(verdicts))
    session.close()
    return found


def show(layer: Annotated[str, typer.Argument(help="Name of a spec, or a spec file.")]) -> None:
    """Show the contract of a layer for a human: equation, shapes, config, checks."""
    from conformance.cli.showing import show_spec
    from conformance.spec.catalogue import find_spec, load
    from conformance.spec.problems import SpecError

    try:
        spec = load(Path(layer)) if layer.endswith(".toml") else find_spec(layer)
    except KeyError as error:
        raise fail(error.args[0]) from None
    except SpecError as error:
        raise fail(f"the spec cannot be used\n{error}") from None
    show_spec(plain_console(), spec)


def check(files: Annotated[list[Path], typer.Argument(help="Spec files.")]) -> None:
    """Validate spec files; all mistakes are reported at once, with file, line and key."""
    from conformance.runner.generated import NoLegalCase, drawn_cases
    from conformance.runner.plan import plan
    from conformance.runner.settings import EVERYTHING, EXAMPLES
    from conformance.spec.catalogue import load
    from conformance.spec.problems import SpecError

    console, bad = plain_console(), False
    for path in files:
        try:
            spec = load(path)
        except SpecError as error:
            bad = True
            console.print(str(error), soft_wrap=True)
            continue
        planned = plan(spec, EVERYTHING)
        try:
            drawn = plan(spec, replace(EVERYTHING, profile="standard"))
            for mode in dict.fromkeys(p.mode for p in drawn if p.generated):
                drawn_cases(spec, mode, EXAMPLES["standard"], 0)
        except NoLegalCase as error:
            bad = True
            console.print(f"{path}: {error}", soft_wrap=True)
            continue
        counts = f"{len(spec.cases)} cases, {len(planned)} checks"
        console.print(f"{path}: {spec.name} is fine: {counts}", soft_wrap=True)
    if bad:
        raise typer.Exit(1)


def checks() -> None:
    """Print the catalogue of checks as Markdown: docs/checks.md."""
    from conformance.reports.check_list import checks_markdown

    typer.echo(checks_markdown(), nl=False)


def record(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Spec files (default: all bundled ones).")
    ] = None,
) -> None:
    """Run PyTorch on every named case and store what it gives (needs PyTorch)."""
    from conformance.candidates.loading.paths import ImplementationError
    from conformance.oracles.making import write_recording
    from conformance.oracles.oracle import OracleError
    from conformance.spec.catalogue import bundled_specs, load
    from conformance.spec.problems import SpecError

    try:
        specs = [load(path) for path in files] if files else bundled_specs()
        for spec in specs:
            path = write_recording(spec)
            what = f"{path}: {path.stat().st_size / 1024:.0f} KiB" if path else "nothing to record"
            plain_console().print(f"{spec.name}: {what}", soft_wrap=True)
    except SpecError as error:
        raise fail(f"a spec cannot be used\n{error}") from None
    except (ImplementationError, OracleError) as error:
        raise fail(str(error).replace("--impl=torch: ", "")) from None


def schema(
    kind: Annotated[str, typer.Argument(help="spec (files), binding (files), or report (.json)")],
) -> None:
    """Print a JSON Schema."""
    from conformance.candidates.wiring.binding_file import binding_json_schema_text
    from conformance.reports.json_report import report_json_schema_text
    from conformance.spec.json_schema import spec_json_schema_text

    texts = {
        "spec": spec_json_schema_text,
        "binding": binding_json_schema_text,
        "report": report_json_schema_text,
    }
    if kind not in texts:
        raise fail(f"there is no schema {kind!r}: {', '.join(texts)}")
    typer.echo(texts[kind](), nl=False)
