"""Known gaps: failures that are expected, each with a reason.

A gaps file is TOML::

    [[gap]]
    id = "specs/conv/conv2d.toml::*[dilation-2]"
    reason = "dilation is not implemented yet"
    link = "https://example.org/issues/7"   # optional
    expires = 2027-01-31                     # optional

In `id` a ``*`` stands for any characters; brackets stand for themselves. What an entry covers is
`xfailed` where it fails. An entry is an error where it covers nothing, has no reason, has expired,
or where everything that it covers passes.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.errors import ConformanceError
from conformance.records.verdict import Verdict
from conformance.spec.positions import Positions
from conformance.spec.problems import SpecError, suggestion
from conformance.spec.toml import read_toml

KEYS = ("id", "reason", "link", "expires")
BAD = ("failed", "errored")

# Ends the reason of what a known gap blocks.
KNOWN_GAP = ", a known gap"


class GapsError(ConformanceError):
    """A gaps file that cannot be used; the message has a line for every mistake."""


@dataclass(frozen=True)
class Gap:
    """One expected failure, or several of a pattern."""

    id: str
    reason: str
    line: int
    link: str = ""
    expires: datetime.date | None = None

    def covers(self, id: str) -> bool:
        """Whether the pattern matches the id of a check."""
        first, *parts = self.id.split("*")
        if not parts:
            return id == first
        *middle, last = parts
        place = len(first)
        if not id.startswith(first) or not id.endswith(last):
            return False
        # The first place of each part leaves most room for the next: nothing is tried twice.
        for part in middle:
            place = id.find(part, place)
            if place < 0:
                return False
            place += len(part)
        return place <= len(id) - len(last)

    def __str__(self) -> str:
        return f"{self.reason} ({self.link})" if self.link else self.reason


@dataclass(frozen=True)
class Gaps:
    """The entries of a gaps file."""

    path: str
    entries: tuple[Gap, ...]

    def known(self, id: str) -> Gap | None:
        """The first entry that covers an id."""
        return next((gap for gap in self.entries if gap.covers(id)), None)

    def applied(self, verdict: Verdict) -> Verdict:
        """A failure that is expected becomes `xfailed`; anything else stays as it is."""
        if verdict.status not in BAD or (gap := self.known(verdict.id)) is None:
            return verdict
        return replace(verdict, status="xfailed", reason=f"known gap: {gap}")

    def stale(self, planned: Iterable[str], verdicts: Iterable[Verdict]) -> Iterator[str]:
        """Entries that cover nothing that could be planned, or only what passes.

        `planned` are the ids of every check of the specs, whatever was selected; an entry is
        called passing only if everything that it covers was run.
        """
        ids, statuses = list(planned), {v.id: v.status for v in verdicts}
        for gap in self.entries:
            covered = [id for id in ids if gap.covers(id)]
            if not covered:
                near = suggestion(gap.id, ids) if "*" not in gap.id else ""
                near = near if near.startswith(" (did") else ""
                yield f"{self.path}:{gap.line}: {gap.id} covers no check{near}: remove it"
            elif all(statuses.get(id) == "passed" for id in covered):
                what = "passes now" if len(covered) == 1 else f"all {len(covered)} checks pass now"
                yield f"{self.path}:{gap.line}: {gap.id}: {what}: remove it"


def load_gaps(path: Path, today: datetime.date | None = None) -> Gaps:
    """Read a gaps file; `GapsError` names every mistake with its line, expired entries too."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise GapsError(
            f"{path}: there is no such file; --conformance-update-gaps writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise GapsError(f"{path}: cannot be read: {error}") from None
    positions, entries = Positions(text), []
    try:
        data = read_toml(text, str(path), positions)
    except SpecError as error:
        raise GapsError(str(error)) from None
    problems: list[str] = []
    problems += [
        f"{path}:{positions.line((k,))}: {k}: unknown table; write [[gap]]"
        for k in data
        if k != "gap"
    ]
    tables = data.get("gap", [])
    if not isinstance(tables, list):
        raise GapsError(f"{path}:{positions.line(('gap',))}: write [[gap]], not [gap]")
    for number, table in enumerate(tables):
        line = positions.line(("gap", number))
        wrong = list(_mistakes(table, today or datetime.date.today()))
        problems += [f"{path}:{line}: {message}" for message in wrong]
        if not wrong:
            entries.append(Gap(line=line, **table))
    if problems:
        raise GapsError("\n".join(problems))
    return Gaps(str(path), tuple(entries))


def _mistakes(table: Any, today: datetime.date) -> Iterator[str]:
    if not isinstance(table, dict):
        yield "an entry is a table: [[gap]]"
        return
    for key in table:
        if key not in KEYS:
            yield f"{key}: unknown key{suggestion(key, KEYS)}"
    for key in ("id", "reason"):
        if not (isinstance(table.get(key), str) and table[key].strip()):
            yield f"{table.get('id', 'the entry')} has no {key}"
    if isinstance(table.get("id"), str) and "*" in table["id"] and not table["id"].strip("*:/[] "):
        yield f"{table['id']} covers every check: name what is expected to fail"
    expires = table.get("expires")
    if isinstance(expires, datetime.datetime) or not isinstance(expires, datetime.date | None):
        yield f"expires = {expires!r} is not a date such as 2027-01-31"
    elif expires is not None and expires < today:
        yield f"{table.get('id')} expired on {expires}: mend it, or set a new date"
    if not isinstance(table.get("link", ""), str):
        yield f"link = {table['link']!r} is not text"


def updated(path: Path, verdicts: Iterable[Verdict]) -> str:
    """The text of a gaps file that covers what fails, and nothing else that was run.

    Entries that are still needed stay as they are, comments and all; a new entry gives the failure
    in words as its reason, for a person to replace.
    """
    # Only rewriting needs more than the standard library reads.
    import tomlkit
    from tomlkit.items import AoT

    verdicts = list(verdicts)
    old = (
        tomlkit.parse(path.read_text(encoding="utf-8-sig")) if path.exists() else tomlkit.document()
    )
    tables = old.get("gap", [])
    kept = [table for table in tables if _needed(Gap(table["id"], "kept", 0), verdicts)]
    patterns = [Gap(table["id"], "kept", 0) for table in kept]
    failing = (v for v in verdicts if v.status in (*BAD, "xfailed") and not v.lost)
    new = [v for v in failing if not _covered(patterns, v.id)]
    for verdict in new:
        table = tomlkit.table()
        table["id"] = verdict.id
        table["reason"] = _in_words(verdict)
        kept.append(table)
    old["gap"] = AoT(kept)
    return tomlkit.dumps(old)


def _covered(gaps: Iterable[Gap], id: str) -> bool:
    return any(gap.covers(id) for gap in gaps)


def _needed(gap: Gap, verdicts: Iterable[Verdict]) -> bool:
    """Whether something that it covers fails, or was not run and so is not known to pass."""
    statuses = [v.status for v in verdicts if gap.covers(v.id)]
    return not statuses or any(status != "passed" for status in statuses)


def _in_words(verdict: Verdict) -> str:
    if verdict.diagnoses:
        return verdict.diagnoses[0].explains
    messages = [finding.message for finding in verdict.findings if finding.message]
    return verdict.reason or next(iter(messages), f"{verdict.check} is {verdict.severity}")
