"""Several reports side by side: `conformance compare a.json b.json …`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.records.report import LayerSummary, Report
from conformance.records.text import percent
from conformance.records.verdict import Status, Verdict
from conformance.reports.html import page
from conformance.reports.markdown import aligned, inline
from conformance.reports.views import FAILING

OUTCOMES = 300  # checks with different outcomes that the page lists
NAMED = 10  # and the terminal


@dataclass(frozen=True)
class Cell:
    """A layer in one report; None for what was not planned there."""

    layer: LayerSummary | None

    @property
    def score(self) -> str:
        """The score; a dash where nothing was owed."""
        return percent(self.layer.summary.score if self.layer else None)

    @property
    def status(self) -> Status:
        """How the layer does: one of the statuses of checks."""
        if self.layer is None or self.layer.summary.score is None:
            return "skipped"
        s = self.layer.summary
        if s.errored or s.failed:
            return "errored" if s.errored else "failed"
        if s.blocked or s.not_run:
            return "blocked" if s.blocked else "not run"
        return "passed"

    @property
    def words(self) -> str:
        """``3 failing, 2 blocked``; why there is no score."""
        if self.layer is None:
            return "not planned"
        s = self.layer.summary
        if s.score is None:
            return "skipped"
        counts = {
            "failing": s.failed + s.errored,
            "blocked": s.blocked,
            "not run": s.not_run,
            "skipped": s.skipped,
        }
        return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


@dataclass(frozen=True)
class Row:
    """A layer over all reports; `differs` if any of its checks does."""

    name: str
    family: str
    cells: tuple[Cell, ...]
    differs: bool


@dataclass(frozen=True)
class Outcome:
    """A check whose status is not the same in all reports that plan it."""

    id: str
    statuses: tuple[Status | None, ...]


@dataclass(frozen=True)
class Scoreboard:
    """Layers × reports."""

    columns: tuple[str, ...]
    reports: tuple[Report, ...]
    rows: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]


def scoreboard(reports: Mapping[str, Report]) -> Scoreboard:
    """Compare reports, each under the name that tells it apart where nothing else does."""
    members = tuple(reports.values())
    verdicts = [{v.id: v for v in report.verdicts} for report in members]
    outcomes = tuple(_outcomes(verdicts))
    differing = {outcome.id.partition("::")[0] for outcome in outcomes}
    tables = [{layer.spec: layer for layer in report.layers} for report in members]
    specs = {spec: layer for table in reversed(tables) for spec, layer in table.items()}
    order = dict.fromkeys(spec for table in tables for spec in table)
    rows = (
        Row(
            specs[spec].name,
            specs[spec].family,
            tuple(Cell(table.get(spec)) for table in tables),
            spec in differing or any(spec not in table for table in tables),
        )
        for spec in order
    )
    return Scoreboard(tuple(_columns(reports)), members, tuple(rows), outcomes)


def _outcomes(verdicts: Sequence[Mapping[str, Verdict]]) -> Iterator[Outcome]:
    for id in dict.fromkeys(id for table in verdicts for id in table):
        found = [table[id].status if id in table else None for table in verdicts]
        if len({status for status in found if status}) > 1:
            yield Outcome(id, tuple(found))


def _columns(reports: Mapping[str, Report]) -> list[str]:
    """Names of implementations; with what is different about their runs where names repeat."""
    members = list(reports.values())
    names = [report.implementation for report in members]
    if len(set(names)) == len(names):
        return names
    for label, of in _CONDITIONS.items():
        if len({of(report) for report in members}) > 1:
            names = [f"{n}, {label} {of(r)}" for n, r in zip(names, members, strict=True)]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({file})" for name, file in zip(names, reports, strict=True)]


_CONDITIONS: dict[str, Callable[[Report], object]] = {
    "NumPy": lambda report: report.environment.numpy,
    "Python": lambda report: report.environment.python,
    "PyTorch": lambda report: report.environment.torch or "none",
    "oracle": lambda report: report.oracle,
    "tier": lambda report: report.environment.tier,
    "seed": lambda report: report.environment.seed,
}


def scoreboard_text(board: Scoreboard, width: int = 100, color: bool = False) -> str:
    """The table for terminals; ``≠`` marks the layers with different outcomes."""
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
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_footer=True)
    table.add_column("layer", footer="all", no_wrap=True, overflow="ellipsis", min_width=12)
    table.add_column("", no_wrap=True)
    for name, report in zip(board.columns, board.reports, strict=True):
        score = percent(report.summary.score)
        table.add_column(name, footer=score, justify="right", overflow="fold")
    for row in board.rows:
        cells = (Text(_short(cell), style=_STYLES.get(cell.status, "")) for cell in row.cells)
        table.add_row(row.name, Text("≠" if row.differs else "", style="bold yellow"), *cells)
    console.print(table)
    for outcome in board.outcomes[:NAMED]:
        states = ", ".join(status or "not planned" for status in outcome.statuses)
        console.print(f"≠ {outcome.id}: {states}", soft_wrap=True)
    if len(board.outcomes) > NAMED:
        console.print(f"… and {len(board.outcomes) - NAMED} more")
    console.print(_sum(board), soft_wrap=True)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


_STYLES = {"passed": "green", "failed": "red", "errored": "red", "blocked": "red", "not run": "red"}


def _short(cell: Cell) -> str:
    if cell.layer is None:
        return "not planned"
    failing = cell.layer.summary.failed + cell.layer.summary.errored
    return cell.score + (f" ({failing} failing)" if failing else "")


def _sum(board: Scoreboard) -> str:
    if not board.outcomes:
        return "every check that they share has the same outcome"
    count, layers = len(board.outcomes), sum(row.differs for row in board.rows)
    return (
        f"{count} check{'s' * (count > 1)} with different outcomes, "
        f"in {layers} layer{'s' * (layers > 1)}"
    )


def scoreboard_markdown(board: Scoreboard) -> str:
    """The table as Markdown."""
    lines = aligned(
        ["layer", *map(inline, board.columns)],
        [
            *(
                [("≠ " if row.differs else "") + inline(row.name), *map(_short, row.cells)]
                for row in board.rows
            ),
            ["**all**", *(f"**{percent(report.summary.score)}**" for report in board.reports)],
        ],
    )
    return "\n".join([*lines, "", _sum(board)]) + "\n"


def scoreboard_html(board: Scoreboard) -> str:
    """The table as a page."""
    return page(
        "compare.html.j2",
        board=board,
        sum=_sum(board),
        outcomes=board.outcomes[:OUTCOMES],
        left_out=max(0, len(board.outcomes) - OUTCOMES),
        failing=[sum(v.status in FAILING for v in r.verdicts) for r in board.reports],
    )
