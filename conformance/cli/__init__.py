"""The ``conformance`` command: look at specs, check them, record expected values."""

from __future__ import annotations

import pkgutil
from collections import Counter
from collections.abc import Iterable, Mapping
from json import dumps
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table
from rich.text import Text

from conformance.candidates.detection.choosing import members
from conformance.candidates.detection.inspection import (
    inspect_implementation,
    rows_as_binding,
    rows_as_json,
)
from conformance.candidates.loading.paths import ImplementationError
from conformance.candidates.loading.paths import load as load_implementation
from conformance.candidates.wiring.binding_file import binding_json_schema_text
from conformance.checks import CATALOGUE
from conformance.oracles.oracle import OracleError
from conformance.records.report import Report, score
from conformance.records.text import percent
from conformance.reports.check_list import checks_markdown
from conformance.reports.json_report import UnreadableReport, read_json, report_json_schema_text
from conformance.reports.mapping import mapping_text
from conformance.runner.grader import Grader
from conformance.runner.plan import plan
from conformance.runner.settings import Settings
from conformance.selftest.results import SelfTest
from conformance.sessions.opening import open_session
from conformance.spec.catalogue import bundled_specs, find_spec, load
from conformance.spec.json_schema import spec_json_schema_text
from conformance.spec.model import Argument, Case, LayerEntry, Misreading, Parameter, Spec
from conformance.spec.problems import SpecError

app = typer.Typer(
    name="conformance",
    help="Specification-driven conformance tests for neural-network layers.\n\n"
    "Grading is done by pytest: pytest --impl=NAME",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _console(stderr: bool = False) -> Console:
    return Console(highlight=False, emoji=False, markup=False, stderr=stderr)


def _fail(message: str) -> typer.Exit:
    _console(stderr=True).print(f"conformance: {message}", soft_wrap=True)
    return typer.Exit(2)


def _modules(namespace: object) -> str:
    """The modules of a package, which may hold what the package itself does not show."""
    inner = [module.name for module in pkgutil.iter_modules(getattr(namespace, "__path__", ()))]
    return f"; its modules: {', '.join(inner)}" if inner else ""


@app.command("list")
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
    specs = _bundled()
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
        counts = [str(len(plan(spec, _EVERYTHING)))]
        counts += [results[name][spec.name] for name in implementations]
        if implementations:
            table.add_row(spec.name, *counts)
        else:
            table.add_row(spec.name, spec.header.family, *counts, spec.header.summary)
    _console().print(table)


def _results(implementation: str, specs: list[Spec]) -> dict[str, str]:
    """The score on each spec; a dash where the implementation does not have it."""
    try:
        session = open_session(implementation)
    except ImplementationError as error:
        raise _fail(str(error)) from None
    grader = Grader(session, _EVERYTHING)
    found, console = {}, _console(stderr=True)
    title = f"grading {implementation}"
    for spec in track(specs, title, console=console, disable=not console.is_terminal):
        verdicts = [grader.verdict(planned) for planned in plan(spec, _EVERYTHING)]
        found[spec.name] = percent(score(verdicts))
    session.close()
    return found


# Counted without generated cases, whose number depends on the profile.
_EVERYTHING = Settings("", tier="strict", profile="quick")


def _bundled() -> list[Spec]:
    try:
        return bundled_specs()
    except SpecError as error:
        raise _fail(str(error)) from None


@app.command()
def show(layer: Annotated[str, typer.Argument(help="Name of a spec, or a spec file.")]) -> None:
    """Show the contract of a layer for a human: equation, shapes, config, checks."""
    try:
        spec = load(Path(layer)) if layer.endswith(".toml") else find_spec(layer)
    except KeyError as error:
        raise _fail(error.args[0]) from None
    except SpecError as error:
        raise _fail(f"the spec cannot be used\n{error}") from None
    console, header = _console(), spec.header
    console.print(Text(spec.name, style="bold"), Text(f"  ({spec.kind}, {header.family})"), sep="")
    console.print(f"{header.summary}\n\n  {header.equation}\n", soft_wrap=True)
    console.print(f"source   {header.source}", soft_wrap=True)
    console.print(f"PyTorch  {header.torch or 'has no counterpart'}")
    console.print(f"file     {spec.path}")
    _section(console, "inputs", [(name, spec.input(name).shape) for name in spec.inputs])
    _section(
        console,
        "outputs",
        [
            (name, rule.shape + (f"   where {rule.when}" if rule.when else ""))
            for name in spec.outputs
            for rule in spec.output_shapes(name)
        ],
    )
    _section(console, "config", [(name, _argument(a)) for name, a in spec.config.items()])
    _section(console, "parameters", [(n, _parameter(p)) for n, p in spec.parameters.items()])
    _section(console, "buffers", [(n, _parameter(p)) for n, p in spec.buffers.items()])
    _section(
        console,
        "modes",
        [
            (
                name,
                (mode.uses or "")
                + (f"; updates {', '.join(mode.updates)}" if mode.updates else ""),
            )
            for name, mode in spec.modes.items()
        ],
    )
    _section(console, "require", [(m, "; ".join(c)) for m, c in spec.require.items()])
    _section(console, "training", _training(spec))
    gradients = []
    if spec.gradients.wrt:
        gradients.append(("with respect to", ", ".join(spec.gradients.wrt)))
    if spec.parameters:
        adds = "add up until zero_grad()" if spec.gradients.accumulates else "are overwritten"
        gradients.append(("of parameters", adds))
    if spec.gradients.kinks:
        gradients.append(("kinks", spec.gradients.kinks))
    _section(console, "gradients", gradients)
    _section(console, "must raise", [(c.id, c.raises) for c in spec.errors])
    _section(console, "known misreadings", [(m.id, _misreading(m)) for m in spec.misreadings])
    _section(
        console,
        "cases",
        [(case.id, _case(case)) for case in spec.cases],
    )
    _section(console, "checks", _checks(spec))


def _section(console: Console, title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    console.print(f"\n{title}", style="bold")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in rows:
        table.add_row(name, text)
    console.print(table)


def _argument(argument: Argument) -> str:
    if argument.dim:
        return f"the size of {argument.dim}"
    parts = [argument.type or ""]
    if argument.choices:
        parts.append("one of " + ", ".join(argument.choices))
    parts.append("required" if argument.required else f"default {argument.default}")
    if argument.stands_for:
        parts.append(f"none means {argument.stands_for}")
    return ", ".join(parts)


def _parameter(parameter: Parameter) -> str:
    parts = [parameter.shape]
    if parameter.when:
        parts.append(f"where {parameter.when}")
    if parameter.init:
        parts.append(f"starts as {parameter.init}")
    return ", ".join(parts)


def _misreading(misreading: Misreading) -> str:
    kind = " (a convention elsewhere)" if misreading.convention else ""
    return f"{misreading.explains}{kind}. Caught by {', '.join(misreading.killed_by)}."


def _training(spec: Spec) -> list[tuple[str, str]]:
    """What an optimizer, scheduler or net is run on."""
    if spec.trajectory is not None:
        shapes = ", ".join(f"({shape.strip('()')})" for shape in spec.trajectory.parameters)
        return [
            ("parameters", f"of shapes {shapes}"),
            ("gradients", " and ".join(spec.trajectory.gradients)),
            ("steps", str(spec.trajectory.steps)),
        ]
    if spec.scheduler is not None:
        return [("lr0", f"{spec.scheduler.lr0:g}"), ("steps", str(spec.scheduler.steps))]
    if spec.net is not None:
        net = spec.net
        rows = [("data", f"{net.data}, in batches of {net.batch}"), ("layers", _layers(net.layers))]
        rows += [("loss", _layers([net.loss])), ("optimizer", _layers([net.optimizer]))]
        rows += [("steps", f"{net.steps}, in {net.mode} mode")]
        if net.accuracy is not None:
            rows.append(("accuracy", f"{net.accuracy:.0%} of {net.held_back} rows held back"))
        return rows
    return []


def _layers(entries: Iterable[LayerEntry]) -> str:
    """``Linear(4, 3), ReLU, Sequential(Tanh)``."""
    words = []
    for entry in entries:
        if isinstance(entry, str):
            words.append(entry)
            continue
        [(name, given)] = entry.items()
        if isinstance(given, dict):
            inner = ", ".join(f"{key}={value}" for key, value in given.items())
        elif any(isinstance(value, str | dict) for value in given):
            inner = _layers(given)
        else:
            inner = ", ".join(map(str, given))
        words.append(f"{name}({inner})")
    return ", ".join(words)


def _case(case: Case) -> str:
    """What a case is there for, or what it sets."""
    return case.note or _layers(case.layers) or _settings(case.config, case.dims)


def _settings(*tables: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for table in tables for name, value in table.items())


def _checks(spec: Spec) -> list[tuple[str, str]]:
    planned = plan(spec, _EVERYTHING)
    counts = Counter(p.name for p in planned)
    rows = []
    for check in CATALOGUE:
        names = list(dict.fromkeys(p.name for p in planned if p.check is check))
        if names:
            total = sum(counts[name] for name in names)
            first = check.documentation.split("\n\n")[0].replace("\n", " ")
            rows.append(
                (", ".join(names), f"{check.tier}, {total} case{'s' * (total > 1)}. {first}")
            )
    return rows


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="Spec files.")]) -> None:
    """Validate spec files; all mistakes are reported at once, with file, line and key."""
    console, bad = _console(), False
    for path in files:
        try:
            spec = load(path)
        except SpecError as error:
            bad = True
            console.print(str(error), soft_wrap=True)
            continue
        checks = len(plan(spec, _EVERYTHING))
        counts = f"{len(spec.cases)} cases, {checks} checks"
        console.print(f"{path}: {spec.name} is fine: {counts}", soft_wrap=True)
    if bad:
        raise typer.Exit(1)


@app.command()
def checks() -> None:
    """Print the catalogue of checks as Markdown: docs/checks.md."""
    typer.echo(checks_markdown(), nl=False)


@app.command()
def record(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Spec files (default: all bundled ones).")
    ] = None,
) -> None:
    """Run PyTorch on every named case and store what it gives (needs PyTorch)."""
    # Importing PyTorch takes longer than every other command together.
    from conformance.oracles.making import write_recording

    try:
        specs = [load(path) for path in files] if files else bundled_specs()
        for spec in specs:
            path = write_recording(spec)
            what = f"{path}: {path.stat().st_size / 1024:.0f} KiB" if path else "nothing to record"
            _console().print(f"{spec.name}: {what}", soft_wrap=True)
    except SpecError as error:
        raise _fail(f"a spec cannot be used\n{error}") from None
    except (ImplementationError, OracleError) as error:
        raise _fail(str(error).replace("--impl=torch: ", "")) from None


@app.command()
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
    # It needs every package at once; the other commands do not wait for them.
    from conformance.selftest.matrix import markdown
    from conformance.selftest.running import run

    try:
        specs = [find_spec(name) for name in layers.split(",")] if layers else _bundled()
    except KeyError as error:
        raise _fail(error.args[0]) from None
    console = _console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("self-test", total=len(specs))
        result = run(specs, processes, lambda name: progress.advance(task))
    if json:
        typer.echo(dumps(result.as_data(), indent=1))
    else:
        _power(result, gated=not layers)
    table = markdown(result.rows)
    if write is not None:
        write.write_text(table, encoding="utf-8")
    stale = check_file is not None and check_file.read_text(encoding="utf-8") != table
    if stale:
        again = f"conformance selftest --write {check_file}"
        _console(stderr=True).print(f"{check_file} is stale: {again}", soft_wrap=True)
    if stale or list(result.problems(gated=not layers)):
        raise typer.Exit(1)


def _mutants(result: SelfTest) -> str:
    """``723 mistakes of any layer, 723 killed; 300 candidates that do no work, 300 killed``."""
    words = {"generic": "mistakes of any layer", "trivial": "candidates that do no work"}
    counts = {kind: result.mutants(kind) for kind in words}
    return "; ".join(f"{counts[k][0]} {words[k]}, {counts[k][1]} killed" for k in words)


def _power(result: SelfTest, gated: bool) -> None:
    """The kill matrix, shortened: a line per misreading, then the counts."""
    console = _console()
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


@app.command()
def inspect(
    implementation: Annotated[str, typer.Argument(metavar="IMPL", help="As --impl of pytest.")],
    binding: Annotated[
        str, typer.Option("--binding", metavar="FILE", help="Default: conformance.toml beside it.")
    ] = "",
    write_binding: Annotated[
        Path | None,
        typer.Option("--write-binding", metavar="FILE", help="Write what was found as a binding."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how an implementation is understood: which class serves which spec, and how."""
    try:
        loaded = load_implementation(implementation, binding=binding)
    except ImplementationError as error:
        raise _fail(str(error)) from None
    rows = inspect_implementation(loaded, _bundled())
    if not any(row.target for row in rows):
        classes = [name for name, value in members(loaded.namespace) if isinstance(value, type)]
        raise _fail(
            f"{implementation} has nothing under a name that a spec is known by "
            f"(its classes: {', '.join(classes) or 'none'}{_modules(loaded.namespace)}); "
            "a binding can say what serves a spec"
        )
    if write_binding is not None:
        if write_binding.exists():
            raise _fail(f"{write_binding} exists: give another name, or remove it first")
        write_binding.write_text(rows_as_binding(loaded, rows), encoding="utf-8")
        _console(stderr=True).print(f"wrote {write_binding}", soft_wrap=True)
    typer.echo(rows_as_json(rows) if as_json else mapping_text(rows), nl=as_json)


@app.command()
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
    from conformance.reports.html_report import render_html  # the others do not wait for templates
    from conformance.reports.markdown import markdown
    from conformance.reports.terminal import render

    read, console = _read(file), _console()
    if form == "terminal":
        color = console.is_terminal and out is None
        text = render(read, max(80, console.width), color)
    else:
        text = render_html(read) if form == "html" else markdown(read)
    _put(text, out)


@app.command()
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


@app.command()
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
    console = _console()
    if html is not None:
        _put(scoreboard_html(board), html)
    if as_markdown:
        typer.echo(scoreboard_markdown(board), nl=False)
    else:
        text = scoreboard_text(board, max(80, console.width), console.is_terminal)
        typer.echo(text, nl=False)


def _read(file: Path) -> Report:
    try:
        return read_json(file)
    except UnreadableReport as error:
        raise _fail(str(error)) from None


def _put(text: str, out: Path | None) -> None:
    """Print a text, or write it and say where."""
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _fail(f"{out}: cannot be written: {error.strerror}") from None
    _console(stderr=True).print(f"wrote {out}", soft_wrap=True)


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="spec (files), binding (files), or report (.json)")],
) -> None:
    """Print a JSON Schema."""
    texts = {
        "spec": spec_json_schema_text,
        "binding": binding_json_schema_text,
        "report": report_json_schema_text,
    }
    if kind not in texts:
        raise _fail(f"there is no schema {kind!r}: {', '.join(texts)}")
    typer.echo(texts[kind](), nl=False)


def main() -> None:
    """Run the command."""
    app()
