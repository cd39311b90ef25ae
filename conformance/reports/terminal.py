"""The table of layers × groups of checks, for terminals."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.checks.check import GROUPS
from conformance.records.report import LayerSummary, Report
from conformance.records.text import declared, last_line, percent
from conformance.records.verdict import Verdict


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
    for note in [*report.notes, *declared(report)]:
        console.print(note, soft_wrap=True)
    console.print(Text(last_line(report), style="green" if report.ok else "red"), soft_wrap=True)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _table(report: Report) -> Table:
    """One row per layer; a cell counts passed checks, or passed/owed where some did not pass."""
    present = {verdict.group for verdict in report.verdicts}
    groups = [group for group in GROUPS if group in present]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layer", no_wrap=True, overflow="ellipsis", max_width=16)
    for group in groups:
        table.add_column(_HEADINGS.get(group, group), justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    for row in report.layers:
        members = [v for v in report.verdicts if v.id.startswith(row.spec + "::")]
        cells = [_cell([v for v in members if v.group == group]) for group in groups]
        table.add_row(row.name, *cells, _score(row))
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


def _cell(verdicts: Sequence[Verdict]) -> Text:
    owed = [verdict for verdict in verdicts if verdict.status != "skipped"]
    passed = sum(verdict.status == "passed" for verdict in owed)
    if not owed:
        return Text("–" if verdicts else "", style="dim")
    if passed == len(owed):
        return Text(str(passed), style="green")
    return Text(f"{passed}/{len(owed)}", style="bold red")


def _score(row: LayerSummary) -> Text:
    style = (
        "green" if row.summary.score == 100 else "red" if row.summary.score is not None else "dim"
    )
    return Text(percent(row.summary.score).removesuffix(" %"), style=style)


def _remark(row: LayerSummary) -> str:
    """What the numbers do not say: severities, crashes, and why checks were skipped."""
    counts = [f"{count} {severity}" for severity, count in row.severities.items()]
    if row.summary.errored:
        counts.append(f"{row.summary.errored} errored")
    if row.summary.blocked:
        counts.append(f"{row.summary.blocked} blocked")
    if row.skipped:
        more = ["…"] if len(row.skipped) > _REASONS else []
        reasons = "; ".join([*row.skipped[:_REASONS], *more])
        counts.append(f"{row.summary.skipped} skipped: {reasons}")
    return ", ".join(counts)
