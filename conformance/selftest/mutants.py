"""Whether a mutant is caught by one of the checks that must catch it."""

from __future__ import annotations

from conformance.candidates.implementation import Implementation
from conformance.misreadings import Mutant
from conformance.records.verdict import Verdict
from conformance.runner.grader import Grader
from conformance.runner.plan import plan
from conformance.selftest.measuring import BAD, Silent, settings
from conformance.sessions.in_process import InProcessSession
from conformance.spec.catalogue import find_spec


def first_kill(mutant: Mutant) -> Verdict | None:
    """The first verdict against a mutant, of the checks that must catch it; None: it survives.

    An exception in the mutant counts: its author would see it, too.
    """
    session = InProcessSession(Implementation(mutant.id, mutant.namespace()))
    grader = Grader(session, settings(mutant.id), diagnostician=Silent())
    checks = plan(find_spec(mutant.spec), grader.settings)
    verdicts = (grader.verdict(p) for p in checks if p.check.name in mutant.killed_by)
    return next((verdict for verdict in verdicts if verdict.status in BAD), None)
