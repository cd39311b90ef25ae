"""The table of layers × groups of checks, for terminals."""

from __future__ import annotations

from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.records.report import LayerSummary, Report
from conformance.records.text import declared, last_line, percent, reservations
from conformance.reports.views import CAUSES, Cell, causes, matrix


def render(report: Report, width: int = 100, color: bool = False) -> str:
    """The table and the last line; findings are printed by whoever ran the checks."""
    stream = StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    if report.layers:
        console.print(_table(report))
        console.print()
        remarks = [(row.name, remark) for row in report.layers if (remark := _remark(row))]
        for name, remark in remarks:
            console.print(f"{name:<18} {remark}", soft_wrap=True)
        if remarks:
            console.print()
    if found := causes(report):
        console.print("what to look at first", style="bold")
        for cause in found[:CAUSES]:
            # A line each: the failures themselves were printed in full.
            line = " ".join(f"{cause.line}".split())
            console.print(f"  {_cut(line, width - 2)}", soft_wrap=True)
        if len(found) > CAUSES:
            console.print(f"  … and {len(found) - CAUSES} more", soft_wrap=True)
        console.print()
    for line in reservations(report):
        console.print(line, style="red", soft_wrap=True)
    for note in [*report.notes, *declared(report)]:
        console.print(note, soft_wrap=True)
    console.print(Text(last_line(report), style="green" if report.ok else "red"), soft_wrap=True)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _table(report: Report) -> Table:
    """One row per layer; a cell counts passed checks, or passed/owed where some did not pass."""
    view = matrix(report)
    covered = any(row.summary.skipped for row in report.layers)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layer", no_wrap=True, overflow="ellipsis", max_width=16)
    for group in view.groups:
        table.add_column(_HEADINGS.get(group, group), justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    if covered:
        table.add_column("cover", justify="right", no_wrap=True)
    for row in view.rows:
        cells = [_cell(cell) for cell in row.cells]
        coverage = [_share(row.layer.summary.coverage)] if covered else []
        table.add_row(row.layer.name, *cells, _score(row.layer), *coverage)
    return table


# Short enough for a terminal of 80 columns.
_HEADINGS = {
    "gradients": "grads",
    "differences": "diffs",
    "purity": "pure",
    "relations": "props",
    "errors": "errs",
}

_REASONS = 3  # how many reasons for skipping are printed; the JSON report has all


def _cell(cell: Cell) -> Text:
    style = {"passed": "green", "skipped": "dim", None: ""}.get(cell.status, "bold red")
    return Text(cell.short, style=style)


def _score(row: LayerSummary) -> Text:
    style = (
        "green" if row.summary.score == 100 else "red" if row.summary.score is not None else "dim"
    )
    return Text(_share(row.summary.score), style=style)


def _share(value: float | None) -> str:
    """A percentage under a heading."""
    return percent(value).removesuffix(" %")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _remark(row: LayerSummary) -> str:
    """What the numbers do not say: severities, crashes, and why checks were skipped."""
    counts = [f"{count} {severity}" for severity, count in row.severities.items()]
    if row.summary.errored:
        counts.append(f"{row.summary.errored} errored")
    if row.summary.blocked:
        counts.append(f"{row.summary.blocked} blocked")
    if row.summary.not_run:
        counts.append(f"{row.summary.not_run} not run")
    if row.skipped:
        more = ["…"] if len(row.skipped) > _REASONS else []
        reasons = "; ".join([*row.skipped[:_REASONS], *more])
        counts.append(f"{row.summary.skipped} skipped: {reasons}")
    return ", ".join(counts)
