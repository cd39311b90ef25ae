"""What a run comes to: its exit status, its last lines, properties for JUnit."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.records.report import Report
from conformance.records.text import nothing_ran, reservations
from conformance.records.verdict import Verdict
from conformance.runner.gaps import KNOWN_GAP

NOTHING_TIMED = "nothing was timed: none of the chosen specs has a [benchmark] table"

# What pytest calls its exit statuses; docs/reports.md says what each means.
PASSED, FAILED, INTERRUPTED, FAULT, USAGE = map(
    pytest.ExitCode,
    (0, 1, 2, 3, 4),
)


def failing(report: Report, benchmarked: bool) -> bool:
    """Whether a run that pytest sees no failure in is none the less not a success."""
    unexplained = any(
        v.status == "blocked" and not v.reason.endswith(KNOWN_GAP) for v in report.verdicts
    )
    nothing = not report.timings if benchmarked else report.summary.ran == 0
    incorrect = any(entry.reason.startswith("blocked: ") for entry in report.untimed)
    return nothing or unexplained or incorrect or report.summary.not_run > 0


def show(report: Report, terminal: Any, benchmarked: bool) -> None:
    """The table, and the line that sums up; after everything that pytest itself prints."""
    from conformance.reports.terminal import render

    width = max(80, terminal.config.get_terminal_writer().fullwidth)
    if report.timings or report.untimed:
        from conformance.reports.timings import render_timings

        times = report.timings, report.untimed
        terminal.write("\n" + render_timings(*times, width, terminal.hasmarkup))
    elif benchmarked:
        terminal.write_line(NOTHING_TIMED, red=True)
    elif report.summary.ran == 0:
        for line in [*reservations(report), nothing_ran(report)]:
            terminal.write_line(line, red=True)
    else:
        terminal.write("\n" + render(report, width, terminal.hasmarkup))


def junit_properties(verdict: Verdict) -> list[tuple[str, object]]:
    """What ``--junitxml`` records beside the outcome, so that CI can group failures."""
    properties = {
        "layer": verdict.layer,
        "check": verdict.check,
        "case": verdict.case,
        "group": verdict.group,
        "tier": verdict.tier,
        "status": verdict.status,
        "severity": verdict.severity,
        "diagnosis": ", ".join(diagnosis.id for diagnosis in verdict.diagnoses),
        "fault": verdict.fault,
    }
    return [(name, value) for name, value in properties.items() if value]
