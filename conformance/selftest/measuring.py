"""Grade a wrong implementation on one spec, and tell which checks caught it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from conformance.candidates.implementation import Implementation
from conformance.candidates.loading.paths import load
from conformance.checks import Check, Evidence
from conformance.diagnosis.diagnosing import Diagnostician
from conformance.misreadings import Mutant, generic_mutants, namespace, trivial_mutants
from conformance.oracles.choice import Choice
from conformance.records.fault import SuiteFault
from conformance.records.verdict import Diagnosis, Verdict
from conformance.runner.grader import Grader
from conformance.runner.plan import Planned, plan
from conformance.runner.settings import Settings
from conformance.selftest.lint import lint
from conformance.sessions.in_process import InProcessSession
from conformance.spec.catalogue import find_spec
from conformance.spec.model import Misreading, Spec

BAD = ("failed", "errored")


@dataclass(frozen=True)
class MeasuredMisreading:
    """One misreading of one spec: the checks meant to catch it, and those that did.

    `intended` and `caught_by` hold names of checks as verdicts show them (``grad_weight``).
    `failures` counts verdicts, `named` those whose diagnosis is this misreading.
    """

    spec: str
    id: str
    explains: str
    where: str
    intended: tuple[str, ...]
    caught_by: tuple[str, ...]
    failures: int
    named: int
    convention: bool = False
    equivalent: str | None = None

    @property
    def killed(self) -> bool:
        """Whether every check that is meant to catch it did."""
        return set(self.intended) <= set(self.caught_by)


@dataclass(frozen=True)
class Kill:
    """A mutant made by a rule, and the first check that caught it (empty: none did).

    `kind` tells mistakes that any layer can make from candidates that do no work.
    """

    spec: str
    id: str
    kind: Literal["generic", "trivial"]
    check: str
    by: str


@dataclass(frozen=True)
class Alarm:
    """A check that a correct implementation does not pass."""

    implementation: str
    verdict: Verdict


class Silent(Diagnostician):
    """Looks for nothing: what is wrong with a mutant is known."""

    def diagnose(self, check: Check, evidence: Evidence) -> tuple[Diagnosis, ...]:
        """Nothing."""
        return ()


def settings(name: str, oracle: Choice = "recorded") -> Settings:
    """Everything but generated cases: named ones must be enough to kill what is known."""
    return Settings(name, tier="strict", profile="quick", oracle=oracle)


def graded(
    spec: Spec,
    name: str,
    namespace: Mapping[str, Any],
    wanted: Callable[[Planned], bool] = lambda planned: True,
    diagnostician: Diagnostician | None = None,
) -> list[Verdict]:
    """The verdicts on an implementation made of these classes."""
    session = InProcessSession(Implementation(name, namespace))
    grader = Grader(session, settings(name), diagnostician=diagnostician)
    return [verdict(grader, p) for p in plan(spec, grader.settings) if wanted(p)]


def verdict(grader: Grader, planned: Planned) -> Verdict:
    """A verdict; `SuiteFault` where the suite itself failed: that catches no mistake."""
    found = grader.verdict(planned)
    if found.fault:
        raise SuiteFault(f"{found.id}: {found.reason}", found.fault)
    return found


def caught_by(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """The checks that fail, in the order of the plan."""
    return tuple(dict.fromkeys(v.check for v in verdicts if v.status in BAD))


def measure(
    spec: Spec, entry: Misreading, diagnostician: Diagnostician | None = None
) -> MeasuredMisreading:
    """Put one misreading to every check of its spec.

    One `diagnostician` for all of them saves running each in the place of every other.
    """
    wrong = namespace(spec.name, entry.id)
    verdicts = graded(spec, entry.id, wrong, diagnostician=diagnostician)
    bad = [verdict for verdict in verdicts if verdict.status in BAD]
    index = spec.misreadings.index(entry)
    return MeasuredMisreading(
        spec=spec.name,
        id=entry.id,
        explains=entry.explains,
        where=f"{spec.path}:{spec.line('misreading', index)}",
        intended=tuple(entry.killed_by),
        caught_by=caught_by(verdicts),
        failures=len(bad),
        named=sum(any(d.id == entry.id for d in verdict.diagnoses) for verdict in bad),
        convention=entry.convention,
        equivalent=entry.equivalent,
    )


def alarms(spec: Spec, implementation: str) -> list[Alarm]:
    """The checks that a correct implementation does not pass; skipped ones are no alarm."""
    grader = Grader(InProcessSession(load(implementation)), settings(implementation))
    verdicts = (verdict(grader, planned) for planned in plan(spec, grader.settings))
    return [Alarm(implementation, v) for v in verdicts if v.status not in ("passed", "skipped")]


@dataclass(frozen=True)
class Survey:
    """Everything that the self-test finds out about one spec."""

    rows: tuple[MeasuredMisreading, ...]
    kills: tuple[Kill, ...]
    alarms: tuple[Alarm, ...]
    lint: tuple[str, ...]


def survey(name: str, correct: tuple[str, ...]) -> Survey:
    """Measure one spec; takes names, so that another process can do it."""
    spec = find_spec(name)
    diagnostician = Diagnostician()
    rows = tuple(measure(spec, entry, diagnostician) for entry in spec.misreadings)
    return Survey(
        rows=rows,
        kills=tuple(_kills(spec, rows)),
        alarms=tuple(alarm for each in correct for alarm in alarms(spec, each)),
        lint=tuple(lint(spec)),
    )


def _kills(spec: Spec, rows: Iterable[MeasuredMisreading]) -> Iterator[Kill]:
    """Every mutant, put to the checks that nothing has failed yet first.

    So a check that only a mutant can fail is not called idle because another was quicker.
    """
    busy = {name for row in rows for name in row.caught_by}
    for mutant in generic_mutants(spec):
        found = kill(mutant, "generic", busy)
        busy.add(found.by)
        yield found
    for mutant in trivial_mutants(spec):
        yield kill(mutant, "trivial", busy)


def kill(
    mutant: Mutant, kind: Literal["generic", "trivial"], busy: Iterable[str] = frozenset()
) -> Kill:
    """Ask the checks that must catch a mutant until one does; an exception counts.

    The author of a layer that raises sees it, too.
    """
    session = InProcessSession(Implementation(mutant.id, mutant.namespace()))
    grader = Grader(session, settings(mutant.id), diagnostician=Silent())
    checks = plan(find_spec(mutant.spec), grader.settings)
    asked = [planned for planned in checks if planned.check.name in mutant.killed_by]
    for planned in sorted(asked, key=lambda planned: planned.name in busy):
        if verdict(grader, planned).status in BAD:
            return Kill(mutant.spec, mutant.id, kind, planned.check.name, planned.name)
    return Kill(mutant.spec, mutant.id, kind, "", "")
