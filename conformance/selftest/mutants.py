"""Whether a mutant is caught by one of the checks that must catch it."""

from __future__ import annotations

from conformance.candidates.implementation import Implementation
from conformance.misreadings import Mutant
from conformance.records.verdict import Verdict
from conformance.runner.generated import BAD
from conformance.runner.grader import Grader
from conformance.runner.plan import plan
from conformance.runner.settings import Settings
from conformance.sessions.in_process import InProcessSession
from conformance.spec.catalogue import find_spec


def first_kill(mutant: Mutant) -> Verdict | None:
    """The first verdict against a mutant, of the checks that must catch it; None: it survives.

    An exception in the mutant counts: its author would see it, too.
    """
    settings = Settings(f"<{mutant.id}>", tier="strict", oracle="recorded", profile="quick")
    session = InProcessSession(Implementation(settings.implementation, mutant.namespace()))
    grader = Grader(session, settings)
    for planned in plan(find_spec(mutant.spec), settings):
        if planned.check.name in mutant.killed_by:
            verdict = grader.verdict(planned)
            if verdict.status in BAD:
                return verdict
    return None
