"""Ask one check about a wrong layer, and what it says."""

from __future__ import annotations

from conformance.candidates.implementation import Implementation
from conformance.records.verdict import Verdict
from conformance.runner.grader import Grader
from conformance.runner.plan import plan
from conformance.runner.settings import Settings
from conformance.sessions.in_process import InProcessSession
from conformance.spec.catalogue import find_spec

STRICT = Settings("<a test>", tier="strict", profile="quick", oracle="recorded")


def verdicts(wrong: type, check: str) -> list[Verdict]:
    """The verdicts of one check on a layer that takes the place of its base class."""
    name = wrong.__base__.__name__
    grader = Grader(InProcessSession(Implementation(STRICT.implementation, {name: wrong})), STRICT)
    planned = [p for p in plan(find_spec(name), STRICT) if p.name == check]
    assert planned, f"{name} has no check {check}"
    return [grader.verdict(p) for p in planned]


def caught(wrong: type, check: str) -> set[str]:
    """What its failures say: messages, notes of numeric findings, or the exception."""
    said = set()
    for verdict in verdicts(wrong, check):
        assert verdict.status in ("passed", "failed", "errored"), verdict
        if verdict.status == "errored":
            said.add(verdict.reason)
        said |= {finding.message or finding.notes[0] for finding in verdict.findings}
    return said
