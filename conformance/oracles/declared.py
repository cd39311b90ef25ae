"""The oracle for layers with declared conventions: the reference, misread as declared."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from conformance.oracles.oracle import Expectation, OracleError
from conformance.oracles.session_oracle import SessionOracle
from conformance.records.report import FLOAT64_ONLY, Convention
from conformance.records.trial import Trial
from conformance.spec.bound_case import BoundCase

if TYPE_CHECKING:
    from conformance.sessions.in_process import InProcessSession


class DeclaredOracle:
    """Knows the layers that have a declared convention, and whatever is made of them."""

    label = "reference with the declared conventions"

    def __init__(self, conventions: Sequence[Convention]) -> None:
        self.conventions = [c for c in conventions if c.id != FLOAT64_ONLY]

    def of(self, layer: str) -> list[str]:
        """The ids that are declared for a layer."""
        return [c.id for c in self.conventions if c.layer == layer]

    def concerns(self, trial: Trial) -> bool:
        """Whether the trial's layer, or a part of it, has a declared convention."""
        return bool(self.of(trial.layer)) or any(map(self.concerns, trial.parts.values()))

    @cached_property
    def session(self) -> InProcessSession:
        """The reference with every declared misreading in its place."""
        # Every misreading is imported with the first: only runs that declare some pay for it.
        from conformance.candidates.implementation import Implementation
        from conformance.misreadings import CATALOGUE, namespace
        from conformance.sessions.in_process import InProcessSession

        together: dict[str, Any] = {}
        taken: dict[str, str] = {}
        for convention in self.conventions:
            key = (convention.layer, convention.id)
            if key not in CATALOGUE:
                raise OracleError(f"{convention.id} of {convention.layer} cannot be executed")
            for name in CATALOGUE[key]:
                if name in taken:
                    raise OracleError(
                        f"the conventions {taken[name]} and {convention.id} of {convention.layer} "
                        "cannot be combined: declare one of them"
                    )
                taken[name] = convention.id
            changed = namespace(*key)
            together = {**changed, **together, **{n: changed[n] for n in CATALOGUE[key]}}
        return InProcessSession(Implementation("declared", together))

    def expect(self, bound: BoundCase, trial: Trial) -> Expectation | None:
        """What the declared version shows; None for what nothing is declared of."""
        if not self.concerns(trial):
            return None
        return SessionOracle(self.session, self.label, bundled_only=True).expect(bound, trial)
