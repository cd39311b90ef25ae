"""What every session offers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from conformance.records.observation import Observation
from conformance.records.report import Convention
from conformance.records.trial import Trial
from conformance.spec.terms import Kind


class Session(Protocol):
    """Runs trials on one implementation. A candidate's misbehaviour never raises here."""

    name: str

    def run(self, trial: Trial) -> Observation:
        """Everything that the trial showed."""

    def notes(self, layers: Iterable[str]) -> tuple[str, ...]:
        """What the reader of a report must know of how these layers were understood."""

    def conventions(self) -> tuple[Convention, ...]:
        """What the implementation's binding declares as meant."""

    def dialect(self, layer: str) -> str:
        """The dialect of what was found for a layer; empty if nothing was."""

    def lacks(self, layer: str, kind: Kind) -> bool:
        """Whether nothing in the implementation has a name that could serve a spec."""

    def close(self) -> None:
        """Give back what the session holds; it runs nothing afterwards."""
