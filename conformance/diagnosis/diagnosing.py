"""From a failed check to what it looks like."""

from __future__ import annotations

from conformance.checks import CATALOGUE, Check, Evidence
from conformance.diagnosis.failure import Failure
from conformance.diagnosis.patterns import detect
from conformance.diagnosis.suspects import Outcome, Suspects
from conformance.records.verdict import Diagnosis

_BY_NAME = {check.name: check for check in CATALOGUE}

# Finite differences take hundreds of forwards. What is wrong shows in these, too.
_INSTEAD = {"fd_{tensor}": ("grad_{tensor}", "forward")}


class Diagnostician:
    """Diagnoses failures. It remembers how misreadings behave, nothing about the candidate."""

    def __init__(self) -> None:
        self._suspects = Suspects()

    def diagnose(self, check: Check, evidence: Evidence) -> tuple[Diagnosis, ...]:
        """Misreadings that fail in the same way, then patterns in the numbers."""
        check, found = _question(check, evidence)
        if found.passed:
            return ()
        matches = self._suspects.matching(check, evidence, found)
        patterns = [
            pattern
            for finding in found.findings
            if (failure := Failure.of(finding, evidence)) and (pattern := detect(failure))
        ]
        return tuple(dict.fromkeys([*matches, *patterns]))


def _question(check: Check, evidence: Evidence) -> tuple[Check, Outcome]:
    """The check to put to the misreadings, and the candidate's answer.

    The candidate's observations are remembered, so asking it again costs little.
    """
    for name in _INSTEAD.get(check.name, ()):
        other = _BY_NAME[name]
        if not (found := Outcome.of(other.judge, evidence)).passed:
            return other, found
    if check.name in _INSTEAD:
        return check, Outcome()
    return check, Outcome.of(check.judge, evidence)
