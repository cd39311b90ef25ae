"""What every form of a report shows: cells of the matrix, and failures by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from conformance.checks.check import GROUPS
from conformance.records.report import LayerSummary, Report, count
from conformance.records.text import element, numbers
from conformance.records.verdict import SEVERITIES, Finding, Severity, Status, Verdict

CAUSES = 5  # of what to look at first

FAILING: tuple[Status, ...] = ("failed", "errored")

# How bad a status is; a cell of the matrix shows the worst of its checks.
WORST_FIRST: tuple[Status, ...] = (
    "errored",
    "failed",
    "blocked",
    "not run",
    "xfailed",
    "passed",
    "skipped",
)


@dataclass(frozen=True)
class Cell:
    """The checks of one group on one layer."""

    layer: LayerSummary
    group: str
    verdicts: tuple[Verdict, ...]

    @cached_property
    def counts(self) -> Counter[Status]:
        """How many checks have each status."""
        return count(self.verdicts)

    @property
    def status(self) -> Status | None:
        """The worst status; None if there are no such checks."""
        return next((status for status in WORST_FIRST if self.counts[status]), None)

    @property
    def owed(self) -> int:
        """How many checks were not skipped."""
        return self.counts.total() - self.counts["skipped"]

    @property
    def short(self) -> str:
        """Passed checks, or passed/owed where some did not pass."""
        if not self.owed:
            return "–" if self.verdicts else ""
        passed = self.counts["passed"]
        return str(passed) if passed == self.owed else f"{passed}/{self.owed}"

    @property
    def words(self) -> str:
        """``2 failed, 34 passed``."""
        return ", ".join(
            f"{self.counts[status]} {status}" for status in WORST_FIRST if self.counts[status]
        )


@dataclass(frozen=True)
class Row:
    """One layer of the matrix."""

    layer: LayerSummary
    cells: tuple[Cell, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All of the layer, group by group."""
        return tuple(chain.from_iterable(cell.verdicts for cell in self.cells))

    @property
    def status(self) -> Status | None:
        """The worst status of the layer."""
        present = {cell.status for cell in self.cells}
        return next((status for status in WORST_FIRST if status in present), None)


@dataclass(frozen=True)
class Matrix:
    """Layers × groups of checks."""

    groups: tuple[str, ...]
    rows: tuple[Row, ...]


def matrix(report: Report) -> Matrix:
    """The verdicts of a report by layer and group, in the report's order."""
    present = {verdict.group for verdict in report.verdicts}
    known = [group for group in GROUPS if group in present]
    groups = (*known, *sorted(present.difference(known)))
    table: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in report.verdicts:
        table.setdefault((verdict.id.partition("::")[0], verdict.group), []).append(verdict)
    rows = [
        Row(
            layer,
            tuple(
                Cell(layer, group, tuple(table.get((layer.spec, group), ()))) for group in groups
            ),
        )
        for layer in report.layers
    ]
    return Matrix(groups, tuple(rows))


def failures(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """Those that failed or crashed."""
    return (verdict for verdict in verdicts if verdict.status in FAILING)


def case_label(verdict: Verdict) -> str:
    """The part of the id in brackets: case, mode and dtype, such as ``stride-2-float32``."""
    return verdict.id.partition("::")[2].removeprefix(verdict.check).strip("[]")


def first_words(verdict: Verdict) -> str:
    """What went wrong, in one line."""
    if verdict.reason:
        return verdict.reason.splitlines()[0]
    if not verdict.findings:
        return verdict.status
    return finding_words(verdict.findings[0])


def finding_words(finding: Finding) -> str:
    """A finding in one line."""
    if finding.message:
        return finding.message.splitlines()[0]
    if finding.index is None:
        return f"{finding.tensor} differs"
    got, wanted = numbers(finding.got, finding.wanted)
    many = f" ({finding.differing} of {finding.size} differ)" if finding.size else ""
    return f"{element(finding.tensor, finding.index)} = {got}, but should be {wanted}{many}"


# --- what to look at first --------------------------------------------------------------------


@dataclass(frozen=True)
class Cause:
    """Failures that look alike: by diagnosis, else by message, else by layer and check."""

    title: str
    verdicts: tuple[Verdict, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Which layers it concerns, in the report's order."""
        return tuple(dict.fromkeys(verdict.layer for verdict in self.verdicts))

    @property
    def severity(self) -> Severity | None:
        """The gravest of its failures."""
        present = {verdict.severity for verdict in self.verdicts}
        return next((severity for severity in SEVERITIES if severity in present), None)

    @property
    def where(self) -> str:
        """``Conv2d, Linear and 3 more layers``."""
        named, more = self.layers[:3], len(self.layers) - 3
        tail = f" and {more} more layer{'s' * (more > 1)}" if more > 0 else ""
        return ", ".join(named) + tail

    @property
    def line(self) -> str:
        """``12 × BatchNorm1d: divides by n - 1``."""
        return f"{len(self.verdicts)} × {self.where}: {self.title}"


def causes(report: Report) -> list[Cause]:
    """Failures by cause, the most frequent first."""
    found: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in failures(report.verdicts):
        found.setdefault(_cause(verdict), []).append(verdict)
    grouped = [Cause(_title(members), tuple(members)) for members in found.values()]
    return sorted(grouped, key=lambda cause: -len(cause.verdicts))


def _cause(verdict: Verdict) -> tuple[str, ...]:
    if verdict.diagnoses:
        return ("diagnosis", verdict.diagnoses[0].id, verdict.diagnoses[0].explains)
    if verdict.status == "errored":
        return ("errored", first_words(verdict))
    if verdict.findings and verdict.findings[0].message:
        return ("message", verdict.findings[0].message)
    return ("numbers", verdict.layer, verdict.check)


def _title(members: Sequence[Verdict]) -> str:
    first = members[0]
    if first.diagnoses:
        return first.diagnoses[0].explains
    if first.status == "errored" or (first.findings and first.findings[0].message):
        return first_words(first)
    finding = first.findings[0] if first.findings else None
    word = "is inaccurate" if finding and finding.severity == "inaccurate" else "is wrong"
    return f"{first.check} {word}"


def by_check(verdicts: Iterable[Verdict]) -> Mapping[str, list[Verdict]]:
    """Verdicts by the name of their check, in order."""
    table: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        table.setdefault(verdict.check, []).append(verdict)
    return table
