"""What changed between two reports: `conformance diff old.json new.json`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from conformance.records.report import Environment, Report
from conformance.records.text import percent, reservations
from conformance.records.verdict import Verdict
from conformance.reports.views import FAILING, first_words

LISTED = 30  # checks of one kind of change that are named


@dataclass(frozen=True)
class Change:
    """One check, before and after; None where a report does not plan it."""

    id: str
    old: Verdict | None
    new: Verdict | None

    @property
    def line(self) -> str:
        """``id: passed → failed (wrong): what went wrong``."""
        words = f"{self.id}: {_state(self.old)} → {_state(self.new)}"
        if self.new is not None and self.new.status in FAILING:
            words += f": {first_words(self.new)}"
        return words


@dataclass(frozen=True)
class Difference:
    """Changes by kind; each check is in one of them. Only the first is a regression."""

    newly_failing: tuple[Change, ...]
    unknown: tuple[Change, ...]
    newly_passing: tuple[Change, ...]
    severity: tuple[Change, ...]
    otherwise: tuple[Change, ...]
    appeared: tuple[Change, ...]
    disappeared: tuple[Change, ...]
    conditions: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether every check is as it was."""
        return not any(changes for _, changes in self.kinds())

    def kinds(self) -> Iterator[tuple[str, tuple[Change, ...]]]:
        """The kinds of changes with their titles, the worst first."""
        yield "newly failing", self.newly_failing
        yield "no longer known (not run, or lost to a fault of the suite)", self.unknown
        yield "another severity", self.severity
        yield "otherwise changed", self.otherwise
        yield "disappeared", self.disappeared
        yield "newly passing", self.newly_passing
        yield "appeared", self.appeared


def difference(old: Report, new: Report) -> Difference:
    """Compare verdicts by id, in the order of the new report, then of the old one."""
    before = {verdict.id: verdict for verdict in old.verdicts}
    after = {verdict.id: verdict for verdict in new.verdicts}
    found: dict[str, list[Change]] = {field.name: [] for field in fields(Difference)[:-1]}
    for id in {**after, **before}:
        change = Change(id, before.get(id), after.get(id))
        if kind := _kind(change.old, change.new):
            found[kind].append(change)
    return Difference(
        **{kind: tuple(changes) for kind, changes in found.items()},
        conditions=tuple(_conditions(old, new)),
    )


def _kind(old: Verdict | None, new: Verdict | None) -> str | None:
    if new is None:
        return "disappeared"
    if _unknown(new):
        return None if old is not None and _unknown(old) else "unknown"
    if new.status in FAILING and (old is None or old.status not in FAILING):
        return "newly_failing"
    if old is None:
        return "appeared"
    if new.status == "passed" and not _unknown(old) and old.status != "passed":
        return "newly_passing"
    if new.status in FAILING and old.severity != new.severity:
        return "severity"
    return "otherwise" if old.status != new.status else None


def _unknown(verdict: Verdict) -> bool:
    return verdict.status == "not run" or verdict.lost


def _conditions(old: Report, new: Report) -> Iterator[str]:
    """What else is not the same, and may be why."""
    if old.implementation != new.implementation:
        yield f"implementation: {old.implementation} → {new.implementation}"
    for name, report in (("old", old), ("new", new)):
        yield from (f"the {name} report: {line}" for line in reservations(report))
    if old.oracle != new.oracle:
        yield f"oracle: {old.oracle} → {new.oracle}"
    for field in fields(Environment):
        pair = [getattr(report.environment, field.name) for report in (old, new)]
        if pair[0] != pair[1]:
            before, after = (value if value is not None else "none" for value in pair)
            yield f"{field.name}: {before} → {after}"


def _state(verdict: Verdict | None) -> str:
    if verdict is None:
        return "not planned"
    return verdict.status + (f" ({verdict.severity})" if verdict.severity else "")


def difference_text(old: Report, new: Report) -> str:
    """The changes for terminals, and the sum in the last line."""
    return "\n".join(_lines(old, new, difference(old, new))) + "\n"


def _lines(old: Report, new: Report, found: Difference) -> Iterator[str]:
    yield from found.conditions
    if found.conditions:
        yield ""
    for title, changes in found.kinds():
        if not changes:
            continue
        yield f"{title}: {len(changes)}"
        yield from (f"  {change.line}" for change in changes[:LISTED])
        if len(changes) > LISTED:
            yield f"  … and {len(changes) - LISTED} more"
        yield ""
    counts = ", ".join(f"{len(changes)} {title}" for title, changes in found.kinds() if changes)
    yield (
        f"conformance diff: {percent(old.summary.score)} → {percent(new.summary.score)} "
        f"({counts or 'every check is as it was'})"
    )
