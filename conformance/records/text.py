"""Verdicts and reports in words: one grammar for terminal, Markdown and ``str(report)``.

What, got, wanted, how far, why, where in the spec, how to rerun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from conformance.records.report import Report
from conformance.records.verdict import Diagnosis, Finding, Verdict
from conformance.spec.model import GENERATED

WIDTH = 90
STOPPED = "the session stopped early"


def headline(verdict: Verdict) -> str:
    """``BatchNorm1d :: running_var [default, train, float64]      FAILED (wrong)``."""
    where = ", ".join(filter(None, (verdict.case, verdict.mode, verdict.dtype)))
    outcome = verdict.status.upper()
    if verdict.severity:
        outcome += f" ({verdict.severity})"
    title = f"{verdict.layer} :: {verdict.check} [{where}]"
    return f"{title} {outcome:>{max(0, WIDTH - len(title) - 1)}}"


def describe(verdict: Verdict) -> str:
    """A verdict that is not a pass, in full."""
    lines = [headline(verdict)]
    if verdict.reason:
        lines.append(f"  {verdict.reason}")
    for finding in verdict.findings:
        lines += [f"  {line}" for line in finding_lines(finding)]
    lines += [f"  diagnosis: {diagnosis_line(diagnosis)}" for diagnosis in verdict.diagnoses]
    if verdict.bindings:
        lines.append(f"  case: {verdict.bindings}")
    lines.append(f"  spec: {verdict.id.partition('::')[0]}:{verdict.spec_line}")
    if verdict.fault:
        where = "" if verdict.lost else " (in explaining the failure, which stands)"
        lines.append(f"  where the suite failed{where}:")
        lines += [f"    {line}" for line in verdict.fault.splitlines()]
    if verdict.rerun:
        lines.append(f"  rerun: {verdict.rerun}")
    if verdict.script and verdict.case == GENERATED:
        lines.append("  or, without this suite:")
        lines += [f"    {line}".rstrip() for line in verdict.script.splitlines()]
    return "\n".join(lines)


def finding_lines(finding: Finding) -> Iterator[str]:
    """One finding, a line per statement."""
    if finding.message:
        yield finding.message
    elif finding.index is not None:
        got, wanted = numbers(finding.got, finding.wanted)
        yield f"{element(finding.tensor, finding.index)} = {got}, but should be {wanted}"
    if finding.differing is not None and finding.worst_index is not None:
        yield (
            f"{finding.differing} of {finding.size} elements differ; worst {finding.worst:.1e} at "
            f"{list(finding.worst_index)} (allowed {finding.allowed:.1e})"
        )
    yield from finding.notes


def diagnosis_line(diagnosis: Diagnosis) -> str:
    """What a failure looks like; for a convention also how to declare it."""
    if diagnosis.source == "pattern":
        return diagnosis.explains
    line = f"the same as {diagnosis.id}: {diagnosis.explains}"
    if diagnosis.convention:
        line += ". Where this is meant, declare it"
        binding = diagnosis.declare.replace("\n", "\n    ")
        line += f" in a binding:\n    {binding}" if binding else " as a convention"
    return line


def element(tensor: str, index: tuple[int, ...]) -> str:
    """``grad_weight[0, 2]``; the tensor alone where it has no axes."""
    return f"{tensor}{list(index)}" if index else tensor


def numbers(*values: float | None) -> list[str]:
    """Numbers with enough digits to see a difference, not more than a person reads."""
    usual = _rounded(values, 7)
    attempts = (_rounded(values, digits) for digits in range(7, 18))
    return next((texts for texts in attempts if len(set(texts)) == len(texts)), usual)


def _rounded(values: Iterable[float | None], digits: int) -> list[str]:
    return ["nothing" if value is None else f"{value:.{digits}g}" for value in values]


def percent(score: float | None) -> str:
    """A score; 100.0 % only where everything passed."""
    if score is None:
        return "–"
    return f"{min(score, 99.9) if score < 100 else score:.1f} %"


def last_line(report: Report) -> str:
    """The line that sums up a run."""
    s = report.summary
    parts = [f"{s.planned} planned", f"{s.ran} ran", f"{s.blocked} blocked"]
    parts += [
        f"{count} {word}"
        for word, count in (
            ("failed", s.failed),
            ("errored", s.errored),
            ("not run", s.not_run),
            ("skipped", s.skipped),
            ("xfailed", s.xfailed),
        )
        if count
    ]
    if s.faults:
        parts.append(faults(s.faults))
    if s.skipped and s.ran:
        parts.append(f"coverage {percent(s.coverage)}")
    return (
        f"conformance: {report.implementation} {percent(s.score)} ({', '.join(parts)}) "
        f"oracle={report.oracle}"
    )


def faults(count: int) -> str:
    """``1 fault of the suite``."""
    return f"{count} fault{'s' * (count > 1)} of the suite"


def reservations(report: Report) -> list[str]:
    """What keeps a report from being the whole truth, a line each; empty if nothing does."""
    s, lines = report.summary, []
    if report.unfinished or s.not_run:
        why = report.unfinished or STOPPED
        lines.append(f"unfinished: {why}; {s.not_run} of {s.planned} planned checks were not run")
    if s.faults:
        lines.append(
            f"{faults(s.faults)}: nothing of it is the implementation's; the checks that it lost "
            "count as not passed. Please report it, with the trace"
        )
    return lines


def tampering(replaced: Sequence[str]) -> str:
    """What it means that an implementation has replaced functions."""
    shown = ", ".join(replaced[:5]) + (f" and {len(replaced) - 5} more" if replaced[5:] else "")
    return (
        f"while the implementation was graded, {shown} was replaced: no verdict of this run can be "
        "trusted.\n  Leave the functions of others alone, or grade with --conformance-isolate."
    )


def nothing_ran(report: Report) -> str:
    """Why a run that executed nothing is a failure."""
    if not report.verdicts:
        return (
            "conformance: no check was selected, so nothing is known about "
            f"{report.implementation}.\n"
            "  Look at the file arguments, -k, --conformance-layers and --conformance-tier."
        )
    reasons = sorted({verdict.reason for verdict in report.verdicts if verdict.reason})
    return (
        f"conformance: none of {report.summary.planned} planned checks could be run, so nothing is "
        f"known about {report.implementation}.\n  " + "\n  ".join(reasons[:5])
    )


def summary_text(report: Report) -> str:
    """A report for ``print``: a line per layer, failures in full, the sum."""
    lines = []
    for row in report.layers:
        s = row.summary
        state = f"{percent(s.score):>8}  {s.passed} of {s.planned - s.skipped} passed"
        why = f", {s.skipped} skipped: {'; '.join(row.skipped)}" if s.skipped else ""
        lines.append(f"{row.name:<24}{state}{why}")
    for verdict in report.verdicts:
        if verdict.status in ("failed", "errored"):
            lines += ["", describe(verdict)]
    remarks = [*reservations(report), *report.notes, *declared(report)]
    return "\n".join([*lines, "", *remarks, last_line(report)])


def short_text(report: Report) -> str:
    """``repr(report)``: whether all is well, which layers do not pass, and the sum."""
    summaries = {row.name: row.summary for row in report.layers}
    bad = [name for name, s in summaries.items() if s.failed or s.errored or s.blocked]
    more = f" and {len(bad) - 8} more" if len(bad) > 8 else ""
    lines = [f"<Report: {'ok' if report.ok else 'not ok'}", f"  {last_line(report)}"]
    lines += [f"  not passed: {', '.join(bad[:8])}{more}"] if bad else []
    return "\n".join(lines) + ">"


def declared(report: Report) -> list[str]:
    """The conventions that a binding declares, a line each: nothing is hidden."""
    return [
        f"declared for {c.layer}: {c.id}{f' ({c.where})' if c.where else ''}: {c.explains}"
        for c in report.conventions
    ]
