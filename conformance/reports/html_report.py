"""``index.html``: everything a run showed, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from conformance.records.report import Report
from conformance.records.text import finding_lines, reservations
from conformance.records.verdict import SEVERITIES, Finding, Status, Verdict
from conformance.reports import files
from conformance.reports.html import Anchors, page
from conformance.reports.plots import (
    Chart,
    Element,
    HeatMap,
    error_picture,
    largest_errors,
    series_picture,
)
from conformance.reports.timing_plots import pictures
from conformance.reports.timings import HEADINGS, remarks, rows
from conformance.reports.views import (
    CAUSES,
    WORST_FIRST,
    Cause,
    Cell,
    Row,
    by_check,
    case_label,
    causes,
    failures,
    finding_words,
    first_words,
    matrix,
)

FILE_NAME = files.PAGE

# Failures of one check on one layer look alike: so many are told in full, so many with pictures.
IN_FULL = 12
PICTURED = 2
TEXT = 4000  # characters of a message or a print that are shown
SCRIPT = 20_000  # and of a script, which half of would be of no use

TITLES = {
    "shape": "Shapes",
    "forward": "Forward",
    "gradients": "Gradients",
    "differences": "Finite differences",
    "state": "State",
    "purity": "Purity",
    "relations": "Relations",
    "errors": "Errors",
}


@dataclass(frozen=True)
class FindingView:
    """One finding: its lines, and its pictures."""

    lines: tuple[str, ...]
    picture: HeatMap | Chart | None
    curves: Chart | None
    largest: tuple[Element, ...]


@dataclass(frozen=True)
class FailureView:
    """One failure told in full."""

    anchor: str
    verdict: Verdict
    label: str
    first: str
    findings: tuple[FindingView, ...]
    place: str
    reason: str
    script: str
    printed: str


@dataclass(frozen=True)
class Line:
    """Checks that need one line: those of one name that passed, or those of one reason."""

    status: Status
    title: str
    cases: str
    count: int


@dataclass(frozen=True)
class GroupView:
    """A cell of the matrix, unfolded."""

    anchor: str
    title: str
    cell: Cell
    failures: tuple[FailureView, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class LayerView:
    """A row of the matrix, unfolded."""

    anchor: str
    row: Row
    groups: tuple[GroupView | None, ...]


@dataclass(frozen=True)
class CauseView:
    """A cause, and where its first failure is told."""

    cause: Cause
    anchor: str | None


def write_html(report: Report, folder: Path) -> Path:
    """Write ``index.html`` into `folder`, which is made if need be; returns the file."""
    return files.write_text(folder / FILE_NAME, render_html(report))


def render_html(report: Report) -> str:
    """The page."""
    table, anchors, places = matrix(report), Anchors(), dict[str, str]()
    for name in ("main", "look-first", "matrix", "layers", "timings", "about", "filters"):
        anchors(name)  # the page's own
    layers = [_layer(row, anchors, places) for row in table.rows]
    found = causes(report)
    statuses = Counter(verdict.status for verdict in report.verdicts)
    return page(
        "report.html.j2",
        report=report,
        reservations=reservations(report),
        groups=[TITLES.get(group, group) for group in table.groups],
        layers=layers,
        causes=[CauseView(cause, places.get(cause.verdicts[0].id)) for cause in found[:CAUSES]],
        more_causes=len(found) - CAUSES,
        failing=sum(1 for _ in failures(report.verdicts)),
        failing_layers=len({v.id.partition("::")[0] for v in failures(report.verdicts)}),
        statuses=[(status, statuses[status]) for status in WORST_FIRST if statuses[status]],
        severities=[s for s in SEVERITIES if any(v.severity == s for v in report.verdicts)],
        families=list(dict.fromkeys(layer.family for layer in report.layers)),
        environment=_environment(report),
        timing_headings=HEADINGS,
        timing_rows=rows(report.timings),
        timing_remarks=remarks(report.timings, report.untimed),
        # Our own SVG, in which all text is escaped.
        timing_pictures=[(name, Markup(svg)) for name, svg in pictures(report.timings)],
    )


def _environment(report: Report) -> list[tuple[str, str]]:
    e = report.environment
    return [
        ("Implementation", report.implementation),
        ("Oracle", report.oracle),
        ("Tier", e.tier),
        ("Profile", e.profile),
        ("Seed", str(e.seed)),
        ("Python", e.python),
        ("NumPy", e.numpy),
        ("PyTorch", e.torch or "not installed"),
        ("Platform", e.platform),
        ("layer-conformance", e.conformance),
        ("Schema of report.json", report.schema_version),
    ]


def _layer(row: Row, anchors: Anchors, places: dict[str, str]) -> LayerView:
    anchor = anchors(row.layer.name)
    groups = tuple(
        _group(cell, anchor, anchors, places) if cell.verdicts else None for cell in row.cells
    )
    return LayerView(anchor, row, groups)


def _group(cell: Cell, layer: str, anchors: Anchors, places: dict[str, str]) -> GroupView:
    anchor = anchors(f"{layer}-{cell.group}")
    told, left = [], []
    for members in by_check(failures(cell.verdicts)).values():
        told += [
            _failure(verdict, layer, anchors, places, pictured=number < PICTURED)
            for number, verdict in enumerate(members[:IN_FULL])
        ]
        left += members[IN_FULL:]
    return GroupView(
        anchor=anchor,
        title=TITLES.get(cell.group, cell.group),
        cell=cell,
        failures=tuple(told),
        lines=tuple(_lines(cell.verdicts, left)),
    )


def _failure(
    verdict: Verdict, layer: str, anchors: Anchors, places: dict[str, str], pictured: bool
) -> FailureView:
    anchor = anchors(f"{layer}-{verdict.check}-{case_label(verdict)}")
    places[verdict.id] = anchor
    return FailureView(
        anchor=anchor,
        verdict=verdict,
        label=case_label(verdict),
        first=_cut(first_words(verdict), 240),
        findings=tuple(_finding(finding, pictured) for finding in verdict.findings),
        place=f"{verdict.id.partition('::')[0]}:{verdict.spec_line}",
        reason=_cut(verdict.reason, TEXT),
        script=verdict.script if len(verdict.script) <= SCRIPT else "",
        printed=_cut(verdict.printed, TEXT),
    )


def _finding(finding: Finding, pictured: bool) -> FindingView:
    lines = tuple(_cut(line, TEXT) for line in finding_lines(finding)) or (finding_words(finding),)
    if not pictured:
        return FindingView(lines, None, None, ())
    return FindingView(
        lines=lines,
        picture=error_picture(finding),
        curves=series_picture(finding.series),
        largest=tuple(largest_errors(finding.values)) if finding.values else (),
    )


def _lines(verdicts: Iterable[Verdict], left: Iterable[Verdict]) -> Iterator[Line]:
    """Failures beyond those told in full, what has no result, by reason, what passed, by check."""
    for name, members in by_check(left).items():
        yield Line("failed", f"{name}: more of the same", _cases(members), len(members))
    without: tuple[Status, ...] = ("blocked", "not run", "skipped")
    for status in without:
        by_reason: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            if verdict.status == status:
                by_reason.setdefault(verdict.reason, []).append(verdict)
        for reason, members in by_reason.items():
            checks = ", ".join(
                name if len(each) == 1 else f"{name} ×{len(each)}"
                for name, each in by_check(members).items()
            )
            yield Line(status, _cut(reason, 240) or status, checks, len(members))
    done: tuple[Status, ...] = ("xfailed", "passed")
    for state in done:
        for name, members in by_check(v for v in verdicts if v.status == state).items():
            yield Line(state, name, _cases(members), len(members))


def _cases(verdicts: Iterable[Verdict]) -> str:
    return ", ".join(map(case_label, verdicts))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
