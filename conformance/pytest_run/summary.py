"""What a run comes to: whether it is a success, its last lines, properties for JUnit."""

from __future__ import annotations

from typing import Any

from conformance.records.report import Report
from conformance.records.text import nothing_ran
from conformance.records.verdict import Verdict
from conformance.runner.gaps import KNOWN_GAP

NOTHING_TIMED = "nothing was timed: none of the chosen specs has a [benchmark] table"


def failing(report: Report, benchmarked: bool) -> bool:
    """Whether a run that pytest sees no failure in is none the less not a success."""
    unexplained = any(
        v.status == "blocked" and not v.reason.endswith(KNOWN_GAP) for v in report.verdicts
    )
    nothing = not report.timings if benchmarked else report.summary.ran == 0
    incorrect = any(entry.reason.startswith("blocked: ") for entry in report.untimed)
    return nothing or unexplained or incorrect


def show(report: Report, terminal: Any, benchmarked: bool) -> None:
    """The table, and the line that sums up; after everything that pytest itself prints."""
    from conformance.reports.terminal import render

    width = max(80, terminal._screen_width)
    if report.timings or report.untimed:
        from conformance.reports.timings import render_timings

        times = report.timings, report.untimed
        terminal.write("\n" + render_timings(*times, width, terminal.hasmarkup))
    elif benchmarked:
        terminal.write_line(NOTHING_TIMED, red=True)
    elif report.summary.ran == 0:
        terminal.write_line(nothing_ran(report), red=True)
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
    }
    return [(name, value) for name, value in properties.items() if value]
