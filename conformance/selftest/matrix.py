"""The kill matrix as Markdown: what catches what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from conformance.selftest.measuring import MeasuredMisreading

INTENDED, ALSO = "●", "○"

HEAD = f"""\
# Kill matrix

Every misreading that runs, and the checks that catch it: {INTENDED} the check is meant to, {ALSO} \
it does, too.
This file is written by `conformance selftest --write docs/kill-matrix.md`, and the build fails if \
it is stale.
"""


def markdown(rows: Iterable[MeasuredMisreading]) -> str:
    """The whole document, a table for each spec."""
    parts = [HEAD]
    for spec, members in groupby(rows, key=lambda row: row.spec):
        parts.append("\n".join(section(spec, list(members))))
    return "\n".join(parts)


def section(spec: str, rows: Sequence[MeasuredMisreading]) -> Iterator[str]:
    """The misreadings of one spec, and a table of what caught them."""
    checks = list(dict.fromkeys(check for row in rows for check in row.caught_by))
    yield f"## {spec}\n"
    for row in rows:
        elsewhere = " (a convention elsewhere)" if row.convention else ""
        yield f"- **{row.id}**{elsewhere}: {row.explains}."
        if row.equivalent:
            yield f"  The same as the right one {row.equivalent}."
    yield ""
    yield f"| | {' | '.join(checks)} |"
    yield f"|---|{':-:|' * len(checks)}"
    for row in rows:
        marks = (_mark(row, check) for check in checks)
        yield f"| {row.id} | {' | '.join(marks)} |"
    yield ""


def _mark(row: MeasuredMisreading, check: str) -> str:
    if check not in row.caught_by:
        return " "
    return INTENDED if check in row.intended else ALSO
