"""``summary.md``: a run in one screen, fit for the summary of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from conformance.records.report import Report
from conformance.records.text import declared, percent, reservations
from conformance.records.verdict import Verdict
from conformance.reports import files
from conformance.reports.views import (
    CAUSES,
    Row,
    case_label,
    causes,
    failures,
    first_words,
    matrix,
)

FILE_NAME = files.SUMMARY

FAILURES = 40  # how many are listed; a job summary holds 1 MiB, a reader much less
NOTES = 10
CUT = 160


def markdown(report: Report) -> str:
    """The summary: score, causes, the table, the first failures."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    s, failing = report.summary, list(failures(report.verdicts))
    yield f"## Layer conformance of {inline(report.implementation)}: {percent(s.score)}"
    yield ""
    yield headline(report)
    yield ""
    for line in reservations(report):
        yield f"**{inline(line)}**"
        yield ""
    yield (
        f"Judged by {inline(report.oracle)}, {report.environment.tier} tier, "
        f"{report.environment.profile} profile, seed {report.environment.seed}; "
        f"Python {inline(report.environment.python)}, NumPy {inline(report.environment.numpy)}."
    )
    remarks = [*report.notes, *declared(report)]
    if remarks:
        yield ""
        yield from (f"- {cut(remark)}" for remark in remarks[:NOTES])
        if len(remarks) > NOTES:
            yield f"- … and {len(remarks) - NOTES} more"
    if found := causes(report):
        yield "\n### What to look at first\n"
        yield from (
            f"1. **{len(cause.verdicts)} ×** {inline(cause.where)}: {cut(cause.title)}"
            for cause in found[:CAUSES]
        )
        if len(found) > CAUSES:
            yield f"\n… and {len(found) - CAUSES} more."
    if report.layers:
        yield "\n### Layers\n"
        yield from _table(report)
    if failing:
        yield "\n### Failures\n"
        yield from _failures(failing)


def headline(report: Report) -> str:
    """What the numbers say, in a sentence."""
    s = report.summary
    if not s.ran:
        return "**Nothing could be run, so nothing is known.**"
    counts = {
        "failed": s.failed,
        "errored": s.errored,
        "blocked": s.blocked,
        "not run": s.not_run,
        "skipped": s.skipped,
    }
    rest = "".join(f", {count} {word}" for word, count in counts.items() if count)
    return (
        f"**{s.passed} of {s.planned - s.skipped} checks owed passed**{rest}; "
        f"coverage {percent(s.coverage)}."
    )


def _table(report: Report) -> Iterator[str]:
    table = matrix(report)
    yield from aligned(
        ["layer", *table.groups, "score", "coverage"],
        (
            [
                inline(row.layer.name),
                *(_cell(row, at) for at in range(len(table.groups))),
                percent(row.layer.summary.score),
                percent(row.layer.summary.coverage),
            ]
            for row in table.rows
        ),
    )


def _cell(row: Row, at: int) -> str:
    cell = row.cells[at]
    marks = {"failed": "❌ ", "errored": "💥 ", "blocked": "⛔ ", "not run": "⏹ "}
    return marks.get(cell.status or "", "") + cell.short


def aligned(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table whose first column is text and whose others are numbers."""
    yield "| " + " | ".join(headings) + " |"
    yield "|---|" + "---:|" * (len(headings) - 1)
    yield from ("| " + " | ".join(row) + " |" for row in rows)


def _failures(failing: Sequence[Verdict]) -> Iterator[str]:
    for verdict in failing[:FAILURES]:
        name = f"{verdict.check}[{case_label(verdict)}]"
        yield (
            f"- **{inline(verdict.layer)}** {code(name)} "
            f"({verdict.severity or verdict.status}): {cut(first_words(verdict))}"
        )
    if len(failing) > FAILURES:
        yield f"\n… and {len(failing) - FAILURES} more; index.html and report.json have all."


def cut(text: str) -> str:
    """The beginning of a text, as `inline`."""
    text = " ".join(text.split())
    return inline(text if len(text) <= CUT else text[: CUT - 1] + "…")


def inline(text: str) -> str:
    """Text that Markdown shows as it is: nothing in it is markup, not even HTML or a mention."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", text)
    return text.replace("@", "@\N{ZERO WIDTH NON-JOINER}").replace(
        "://", ":\N{ZERO WIDTH NON-JOINER}//"
    )


def code(text: str) -> str:
    """A code span; in a table or a list, so on one line and without its own delimiter."""
    return "`" + " ".join(text.split()).replace("`", "'").replace("|", "\\|") + "`"
