"""Which oracle judges which trial."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Literal

from conformance.candidates.loading.paths import load
from conformance.errors import ConformanceError
from conformance.oracles.declared import DeclaredOracle
from conformance.oracles.oracle import Expectation, Oracle
from conformance.oracles.recording import RecordedOracle
from conformance.oracles.session_oracle import SessionOracle
from conformance.records.report import Convention
from conformance.records.trial import Trial
from conformance.spec.bound_case import BoundCase

Choice = Literal["auto", "torch", "recorded", "reference"]
CHOICES: tuple[Choice, ...] = ("auto", "torch", "recorded", "reference")


class OracleUnavailable(ConformanceError):
    """The oracle that was asked for cannot be had here; the message is for people."""


def torch_installed() -> bool:
    """Whether PyTorch could be imported, without importing it."""
    return importlib.util.find_spec("torch") is not None


class Judge:
    """Asks oracles in turn until one knows.

    auto: recordings of PyTorch (named cases at the default seed), then the bundled reference, then
    PyTorch where it is installed: only a user's own specs wait for its import. torch: PyTorch live,
    then the reference for what it lacks. The reference does not judge itself: the independently
    written naive implementation does. Layers with declared conventions are judged by the reference
    misread so.
    """

    def __init__(
        self,
        choice: Choice,
        implementation: str,
        conventions: Sequence[Convention] = (),
    ) -> None:
        if choice == "torch" and not torch_installed():
            raise OracleUnavailable(
                "--conformance-oracle=torch: PyTorch is not installed here. Install the extra "
                "`torch`: pip install -e '.[torch]' in a clone of the suite; or use "
                "--conformance-oracle=recorded"
            )
        name = "naive" if implementation == "reference" else "reference"
        chains: dict[Choice, list[Callable[[], Oracle]]] = {
            "auto": [
                RecordedOracle,
                lambda: self._bundled(name),
                *([self._torch] if torch_installed() else []),
            ],
            "torch": [self._torch, lambda: self._bundled(name)],
            "recorded": [RecordedOracle, lambda: self._bundled(name)],
            "reference": [lambda: self._bundled(name)],
        }
        self.declared = DeclaredOracle(conventions)
        self._made: list[Oracle] = []
        self._makers: list[Callable[[], Oracle]] = [lambda: self.declared, *chains[choice]]

    def _oracles(self) -> Iterator[Oracle]:
        """The oracles in turn, each made when the ones before it did not know."""
        for number, make in enumerate(self._makers):
            if number == len(self._made):
                self._made.append(make())
            yield self._made[number]

    def expect(self, bound: BoundCase, trial: Trial) -> Expectation | None:
        """The expectation of the first oracle that knows the trial; None if none does."""
        for oracle in self._oracles():
            if (expectation := oracle.expect(bound, trial)) is not None:
                return expectation
        return None

    @staticmethod
    def _torch() -> Oracle:
        from conformance.sessions.in_process import InProcessSession

        session = InProcessSession(load("torch"))
        return SessionOracle(
            session, f"torch {version('torch').partition('+')[0]}", bundled_only=False
        )

    @staticmethod
    def _bundled(name: str) -> Oracle:
        from conformance.sessions.in_process import InProcessSession

        return SessionOracle(InProcessSession(load(name)), name, bundled_only=True)
