"""Findings and verdicts: what a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conformance.records.fault import PREFIX
from conformance.records.numbers import Number
from conformance.spec.terms import Tier

Severity = Literal["wrong", "inaccurate", "convention", "contract"]
SEVERITIES: tuple[Severity, ...] = ("wrong", "inaccurate", "convention", "contract")
Status = Literal["passed", "failed", "errored", "blocked", "not run", "skipped", "xfailed"]


@dataclass(frozen=True)
class Values:
    """A small array that was compared, element by element, flat in C order."""

    shape: tuple[int, ...]
    got: tuple[Number, ...]
    wanted: tuple[Number, ...]
    allowed: tuple[Number, ...]


@dataclass(frozen=True)
class Series:
    """Points of a curve that explains a finding (a loss over steps, an error over step sizes)."""

    label: str
    x: tuple[Number, ...]
    y: tuple[Number, ...]


@dataclass(frozen=True)
class Diagnosis:
    """What a failure looks like, as an observation: a pattern in the numbers, or a misreading.

    `convention` says that it is legitimate where it is declared, `declare` is the line of a binding
    that does so.
    """

    id: str
    explains: str
    source: Literal["pattern", "misreading"]
    convention: bool = False
    declare: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    `message` says what in words where numbers do not. A numeric finding has the first place that
    differs (`index`, `got`, `wanted`), how many elements differ, and the worst of them with what
    was allowed there; `ratio` is the worst error in units of its allowance. `values` holds the
    arrays that were compared, where they are small enough for a report; `series` curves.
    """

    tensor: str
    severity: Severity
    message: str = ""
    index: tuple[int, ...] | None = None
    got: Number | None = None
    wanted: Number | None = None
    differing: int | None = None
    size: int | None = None
    worst: Number | None = None
    worst_index: tuple[int, ...] | None = None
    allowed: Number | None = None
    ratio: Number | None = None
    notes: tuple[str, ...] = ()
    values: Values | None = None
    series: tuple[Series, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The result of one check on one case.

    `script` is a Python program that shows the failure of a generated case without this package;
    `printed` is what the candidate wrote to standard output meanwhile, cut where it is long.
    `fault` is the short trace of an exception of the suite itself. Where that lost the verdict, the
    check is `errored` and nothing is known of the candidate (`lost`).
    `checks` is how many planned checks it stands for: all those of a spec that nothing serves.
    """

    id: str
    layer: str
    case: str
    check: str
    group: str
    tier: Tier
    status: Status
    mode: str | None = None
    dtype: str = "float64"
    severity: Severity | None = None
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    bindings: str = ""
    oracle: str = ""
    spec_line: int = 1
    rerun: str = ""
    diagnoses: tuple[Diagnosis, ...] = ()
    script: str = ""
    printed: str = ""
    checks: int = 1
    fault: str = ""

    @property
    def lost(self) -> bool:
        """Whether the suite itself failed, so that the check says nothing of the candidate."""
        return self.status == "errored" and self.reason.startswith(PREFIX)
