"""The oracle that runs an implementation here and now: PyTorch, or a bundled one."""

from __future__ import annotations

from conformance.oracles.accuracy import expected_steps
from conformance.oracles.oracle import Expectation, NotThere
from conformance.records.trial import Trial
from conformance.sessions.session import Session
from conformance.spec.bound_case import BoundCase
from conformance.spec.catalogue import is_bundled


class SessionOracle:
    """Expectations from a session.

    A bundled implementation judges bundled specs only: a user's spec may give another meaning to a
    name that the bundled one has, too.
    """

    def __init__(self, session: Session, label: str, bundled_only: bool) -> None:
        self.session = session
        self.label = label
        self.bundled_only = bundled_only

    def expect(self, bound: BoundCase, trial: Trial) -> Expectation | None:
        """Run the trial and its probes; None for a layer that the implementation lacks."""
        if self.bundled_only and not is_bundled(bound.spec):
            return None
        try:
            return Expectation(expected_steps(self.session.run, bound, trial), self.label)
        except NotThere:
            return None
