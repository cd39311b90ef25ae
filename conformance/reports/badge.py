"""``badge.json``: the score for shields.io's endpoint badge (https://shields.io/badges/endpoint-badge)."""

from __future__ import annotations

import json

from conformance.records.report import Report
from conformance.records.text import faults, percent, reservations
from conformance.reports import files

FILE_NAME = files.BADGE

# The lowest score of each colour; below all of them, red.
_COLOURS = ((95.0, "green"), (80.0, "yellowgreen"), (60.0, "yellow"), (30.0, "orange"))


def badge(report: Report) -> str:
    """The badge; its text says the coverage, too, where that is not full."""
    score, coverage = report.summary.score, report.summary.coverage
    message = percent(score) if report.summary.ran else "nothing ran"
    if report.summary.ran and coverage is not None and coverage < 100:
        message += f", coverage {percent(coverage)}"
    if report.summary.faults:
        message += f", {faults(report.summary.faults)}"
    if report.unfinished or report.summary.not_run:
        message = f"unfinished, {message}"
    data = {
        "schemaVersion": 1,
        "label": "layer conformance",
        "message": message,
        "color": _colour(report),
    }
    return json.dumps(data, indent=1) + "\n"


def _colour(report: Report) -> str:
    if reservations(report):
        return "red"
    if not report.summary.ran or report.summary.score is None:
        return "lightgrey"
    if report.ok:
        return "brightgreen"
    score = report.summary.score
    return next((colour for least, colour in _COLOURS if score >= least), "red")
