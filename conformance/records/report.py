"""The report of a run: every planned check, accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from conformance.records.benchmark import Timing, Untimed
from conformance.records.verdict import SEVERITIES, Severity, Status, Verdict
from conformance.spec.terms import TIERS, Tier

SCHEMA_VERSION = "1.0"
RAN: frozenset[Status] = frozenset({"passed", "failed", "errored", "xfailed"})


@dataclass(frozen=True)
class Environment:
    """Where and with what the run was made."""

    python: str
    numpy: str
    torch: str | None
    platform: str
    conformance: str
    seed: int
    profile: str
    tier: Tier


@dataclass(frozen=True)
class Summary:
    """Counts: planned = ran + blocked + not_run + skipped.

    ran = passed + failed + errored + xfailed.
    `score` is the share of checks that passed among those that were owed (planned and not skipped),
    in percent; None if there were none. What was not run, and what a fault of the suite lost, is
    owed and has not passed: the score is then the least that it can be. `coverage` is the share of
    planned checks that were owed: what an implementation does not have lowers the coverage, not the
    score. `faults` are the verdicts with a fault of the suite; those that were lost are `errored`.
    """

    planned: int
    ran: int
    passed: int
    failed: int
    errored: int
    blocked: int
    skipped: int
    xfailed: int
    score: float | None
    coverage: float | None = None
    tiers: Mapping[Tier, float | None] = field(default_factory=dict)
    not_run: int = 0
    faults: int = 0


@dataclass(frozen=True)
class LayerSummary:
    """The counts of one layer, its failures by severity, and the reasons for skipping."""

    name: str
    family: str
    spec: str
    summary: Summary
    severities: Mapping[Severity, int]
    skipped: tuple[str, ...] = ()


FLOAT64_ONLY = "float64-only"  # the convention of an implementation without float32


@dataclass(frozen=True)
class Convention:
    """A misreading that a binding declares as meant: the layer was graded against it."""

    layer: str
    id: str
    explains: str
    where: str = ""


@dataclass(frozen=True, repr=False)
class Report:
    """Everything a run showed. ``str(report)`` is a summary for people.

    `notes` say what the reader must know of how the implementation was understood (which of two
    classes was taken, a notebook cell that failed); `conventions` what was declared; `timings` what
    a benchmark measured, `untimed` what it left out. `tampered` names functions of NumPy, pytest or
    this package that were replaced while the implementation ran in the same process: then no
    verdict can be trusted, and the report is not ok. `unfinished` says why a run did not come to
    its end; empty if it did.
    """

    implementation: str
    oracle: str
    environment: Environment
    summary: Summary
    layers: tuple[LayerSummary, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()
    conventions: tuple[Convention, ...] = ()
    timings: tuple[Timing, ...] = ()
    untimed: tuple[Untimed, ...] = ()
    tampered: tuple[str, ...] = ()
    unfinished: str = ""
    schema_version: str = SCHEMA_VERSION

    def __str__(self) -> str:
        from conformance.records.text import summary_text  # it knows reports, too

        return summary_text(self)

    def __repr__(self) -> str:
        from conformance.records.text import short_text

        return short_text(self)

    @property
    def ok(self) -> bool:
        """Whether the run ended, everything that was owed passed, and it can be trusted."""
        s = self.summary
        bad = s.failed or s.errored or s.blocked or s.not_run or s.faults
        return s.ran > 0 and not (bad or self.tampered or self.unfinished)


def score(verdicts: Iterable[Verdict]) -> float | None:
    """Percent passed of those owed; None if none was."""
    owed = [verdict.status for verdict in verdicts if verdict.status != "skipped"]
    return 100.0 * owed.count("passed") / len(owed) if owed else None


def coverage(verdicts: Iterable[Verdict]) -> float | None:
    """Percent owed (not skipped) of those planned; None if none was."""
    counts = count(verdicts)
    return 100.0 * (1 - counts["skipped"] / counts.total()) if counts else None


def count(verdicts: Iterable[Verdict]) -> Counter[Status]:
    """How many planned checks have each status."""
    counts: Counter[Status] = Counter()
    for verdict in verdicts:
        counts[verdict.status] += verdict.checks
    return counts


def summarise(verdicts: Iterable[Verdict]) -> Summary:
    """Count verdicts."""
    verdicts = list(verdicts)
    counts = count(verdicts)
    by_tier = {tier: [v for v in verdicts if v.tier == tier] for tier in TIERS}
    return Summary(
        planned=counts.total(),
        ran=sum(counts[status] for status in RAN),
        **{status.replace(" ", "_"): counts[status] for status in get_args(Status)},
        faults=sum(bool(verdict.fault) for verdict in verdicts),
        score=score(verdicts),
        coverage=coverage(verdicts),
        tiers={tier: score(members) for tier, members in by_tier.items() if members},
    )


def summarise_layer(name: str, family: str, spec: str, verdicts: Iterable[Verdict]) -> LayerSummary:
    """The row of one layer."""
    verdicts = list(verdicts)
    severities = Counter(verdict.severity for verdict in verdicts if verdict.severity)
    reasons = dict.fromkeys(v.reason for v in verdicts if v.status == "skipped")
    return LayerSummary(
        name=name,
        family=family,
        spec=spec,
        summary=summarise(verdicts),
        severities={
            severity: severities[severity] for severity in SEVERITIES if severities[severity]
        },
        skipped=tuple(reasons),
    )
