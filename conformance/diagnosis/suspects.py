"""Misreadings in the candidate's place: those that give the very failure that was found."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.candidates.implementation import Implementation
from conformance.candidates.wiring.binding_file import declaration
from conformance.checks import CATALOGUE as CHECKS
from conformance.checks.check import Check, JudgingFunction
from conformance.checks.evidence import Evidence, Memory, NoOracle, Stopped
from conformance.diagnosis.failure import arrays
from conformance.misreadings import CATALOGUE, namespace
from conformance.oracles.oracle import OracleError
from conformance.records.verdict import Diagnosis, Finding
from conformance.sessions.in_process import InProcessSession
from conformance.sessions.session import Session
from conformance.spec.catalogue import is_bundled
from conformance.spec.model import Spec

Judge = Callable[[Evidence], Iterator[Finding]]

_BY_NAME = {check.name: check for check in CHECKS}
_FORWARD = _BY_NAME["forward"]

# Several misreadings may be the same in one case; more than a few help nobody.
MOST = 3


@dataclass(frozen=True)
class Outcome:
    """What a judging function said: findings, or why it got no further."""

    findings: tuple[Finding, ...] = ()
    stopped: str = ""

    @classmethod
    def of(cls, judge: JudgingFunction, evidence: Evidence) -> Outcome:
        """Run a judging function."""
        try:
            with np.errstate(all="ignore"):
                return cls(findings=tuple(judge(evidence)))
        except Stopped as stopped:
            trouble = stopped.trouble
            return cls(stopped=f"{trouble.kind} {trouble.stage} {trouble.message}")
        except (NoOracle, OracleError):
            return cls()  # nobody knows what should be, so nothing can be said

    @property
    def passed(self) -> bool:
        """Nothing was wrong."""
        return not self.findings and not self.stopped

    def explained_by(self, other: Outcome) -> bool:
        """Whether another failure shows all that this one does, but for rounding.

        It may show more: a misreading overwrites every gradient, the candidate one of them.
        """
        if self.stopped or other.stopped:
            return self.stopped == other.stopped
        return all(any(_same(mine, theirs) for theirs in other.findings) for mine in self.findings)


def _same(one: Finding, other: Finding) -> bool:
    if one.tensor != other.tensor or _wording(one.message) != _wording(other.message):
        return False
    if (one.got, one.wanted) == (None, None) == (other.got, other.wanted):
        return _same_numbers(one.message, other.message)
    if one.values is not None and other.values is not None:
        return _same_arrays(one, other)
    if one.index != other.index or one.differing != other.differing:
        return False
    return _near(one.got, other.got) and _near(one.worst, other.worst)


def _same_arrays(one: Finding, other: Finding) -> bool:
    assert one.values is not None
    assert other.values is not None
    if one.values.shape != other.values.shape:
        return False
    got, _, allowed = arrays(one.values)
    theirs, _, _ = arrays(other.values)
    # Wrong formulas amplify rounding, so the allowance of the right one is widened.
    slack = 64 * allowed + 2.0**-40 * np.abs(theirs)
    with np.errstate(invalid="ignore"):
        near = (np.abs(got - theirs) <= slack) | (got == theirs)
    return bool((near | (np.isnan(got) & np.isnan(theirs))).all())


def _near(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.isclose(a, b, rtol=1e-6, equal_nan=True))


_NUMBER = re.compile(r"[-+]?\d[\d.]*(?:e[-+]?\d+)?")


def _wording(message: str) -> str:
    """A message without its numbers, which are compared as numbers."""
    return _NUMBER.sub("#", message)


def _same_numbers(one: str, other: str) -> bool:
    """Whether two messages of the same wording give the same numbers, but for rounding."""
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(a == b or _close(a, b) for a, b in pairs)


def _close(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-2)  # as few digits are printed
    except ValueError:  # a version, an interval
        return False


def _fit(check: Check, suspect: Evidence) -> bool:
    """Whether a misreading passes what the check requires, as the candidate did.

    As in grading, a gradient that is missing or misshapen matters to its own checks only.
    """
    plain = replace(suspect, tensor="", dtype="float64")
    for name in check.requires:
        outcome = Outcome.of(_BY_NAME[name].judge, plain)
        about = {finding.tensor for finding in outcome.findings}
        elsewhere = name == "backward" and suspect.tensor and f"grad_{suspect.tensor}" not in about
        if outcome.stopped or (about and not elsewhere):
            return False
    return True


def _has_forward(check: Check, evidence: Evidence) -> bool:
    """Whether a failure is one of gradients, where forward is judged, too."""
    about_gradients = check.name.startswith(("grad_", "fd_"))
    return about_gradients and bool(list(_FORWARD.targets(evidence.bound, evidence.mode)))


class Suspects:
    """The misreadings, ready to be judged like the candidate."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], Session] = {}
        self._memories: dict[tuple[str, str], Memory] = {}
        self._outcomes: dict[tuple[Any, ...], Outcome] = {}
        self._case: object = None

    def matching(self, check: Check, evidence: Evidence, found: Outcome) -> list[Diagnosis]:
        """The misreadings of the spec that fail in the same way."""
        spec = evidence.bound.spec
        if not is_bundled(spec):  # another spec may give the names another meaning
            return []
        if evidence.memory is not self._case:
            self._case, self._memories = evidence.memory, {}
        right_forward = (
            _has_forward(check, evidence) and Outcome.of(_FORWARD.judge, evidence).passed
        )
        matches: list[Diagnosis] = []
        for entry in spec.misreadings:
            if (spec.name, entry.id) not in CATALOGUE or len(matches) == MOST:
                continue
            if right_forward and not self._outcome(_FORWARD, evidence, entry.id).passed:
                continue  # it would show in forward, and the candidate's is right
            if found.explained_by(self._outcome(check, evidence, entry.id)):
                line = declaration(spec.name, entry.id) if entry.convention else ""
                matches.append(
                    Diagnosis(entry.id, entry.explains, "misreading", entry.convention, line)
                )
        return matches

    def _outcome(self, check: Check, evidence: Evidence, id: str) -> Outcome:
        """What the check says of a misreading; the same for every candidate, so asked once.

        One that does not pass what the check requires has no outcome that compares.
        """
        spec = evidence.bound.spec
        case = (evidence.programs.identity, evidence.mode, evidence.tensor, evidence.dtype)
        key = (spec.name, id, check.name, *case)
        if key not in self._outcomes:
            suspect = self._in_place(evidence, spec, id)
            fit = _fit(check, suspect)
            self._outcomes[key] = Outcome.of(check.judge, suspect) if fit else Outcome()
        return self._outcomes[key]

    def _in_place(self, evidence: Evidence, spec: Spec, id: str) -> Evidence:
        """The same evidence with a misreading as the candidate."""
        key = (spec.name, id)
        if key not in self._sessions:
            self._sessions[key] = InProcessSession(Implementation(id, namespace(*key)))
        memory = self._memories.setdefault(key, Memory())
        memory.expectations = evidence.memory.expectations
        return replace(evidence, candidate=self._sessions[key], memory=memory, sources=set())
