"""What a judging function gets to see: observations of the candidate, and what was expected.

It never touches the candidate: it asks its evidence. Observations and expectations are remembered,
so the checks of one case share the trials that they have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from conformance.generation.programs import Programs
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import Expected
from conformance.oracles.accuracy import expected_steps
from conformance.oracles.oracle import Expectation
from conformance.records.observation import Observation, StepRecord, Trouble
from conformance.records.trial import Dtype, Trial
from conformance.records.verdict import Finding
from conformance.sessions.session import Session
from conformance.spec.bound_case import BoundCase


class Stopped(Exception):
    """The candidate did not get as far as the check needs."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


class NoOracle(Exception):
    """No oracle knows the expected values."""


class Expects(Protocol):
    """Gives expectations (`conformance.oracles.choice.Judge`)."""

    def expect(self, bound: BoundCase, trial: Trial) -> Expectation | None:
        """What a trial should show, if anybody knows."""


@dataclass
class Memory:
    """What is known of one case in one mode: what was drawn, observed and expected.

    Trials are told apart by their content (`Trial.content`), not by the words of their keys. An
    expectation also depends on the key: the bounds of its probes are drawn from it.
    """

    programs: Programs | None = None
    observations: dict[tuple[bytes, str], Observation] = field(default_factory=dict)
    expectations: dict[tuple[str, bytes], Expectation | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """One case in one mode, for one tensor, in one dtype.

    `sources` collects the oracles that were asked, `printed` what the candidate printed meanwhile.
    """

    bound: BoundCase
    mode: str | None
    tensor: str
    dtype: str
    programs: Programs
    candidate: Session
    oracle: Expects
    memory: Memory
    sources: set[str] = field(default_factory=set)
    printed: dict[str, None] = field(default_factory=dict)

    def observe(self, trial: Trial) -> Observation:
        """What the candidate shows; remembered, so the same program is run once."""
        key = (trial.content(), self.dtype)
        if key not in self.memory.observations:
            self.memory.observations[key] = self._run(trial)
        return self._heard(self.memory.observations[key])

    def observe_once(self, trial: Trial) -> Observation:
        """What the candidate shows, not remembered: it would be large."""
        return self._heard(self._run(trial))

    def own(self, trial: Trial) -> tuple[Mapping[str, Expected], ...]:
        """The candidate's own float64 results as expectations, with the bounds of the spec."""
        return expected_steps(self.candidate.run, self.bound, trial)

    def _run(self, trial: Trial) -> Observation:
        return self.candidate.run(replace(trial, dtype=cast(Dtype, self.dtype)))

    def _heard(self, observation: Observation) -> Observation:
        if observation.printed:
            self.printed[observation.printed] = None
        return observation

    def step(self, trial: Trial, number: int) -> StepRecord:
        """The record of a step after the switch of mode; `Stopped` if it was not reached."""
        observation = self.observe(trial)
        index = self.programs.start + number
        if index >= len(observation.steps):
            assert observation.trouble is not None
            raise Stopped(observation.trouble)
        return observation.steps[index]

    def refused(self, trial: Trial, number: int) -> bool:
        """Whether the candidate raised an exception at this step."""
        observation = self.observe(trial)
        reached = len(observation.steps) == self.programs.start + number
        return reached and observation.trouble is not None and observation.trouble.kind == "raised"

    def outputs(self, trial: Trial, count: int) -> list[Mapping[str, NDArray[Any]]]:
        """The outputs of the first `count` forward steps of a trial."""
        observation = self.observe(trial)
        found = [record.outputs for record in observation.steps if record.outputs]
        if len(found) < count:
            assert observation.trouble is not None
            raise Stopped(observation.trouble)
        return found

    def expected(self, trial: Trial, number: int) -> Mapping[str, Expected]:
        """What a step should show; `NoOracle` if nobody knows."""
        key = (trial.key, trial.content())
        if key not in self.memory.expectations:
            self.memory.expectations[key] = self.oracle.expect(self.bound, trial)
        expectation = self.memory.expectations[key]
        if expectation is None:
            raise NoOracle
        self.sources.add(expectation.oracle)
        return expectation.steps[self.programs.start + number]

    def against(
        self, name: str, got: NDArray[Any], expected: Expected, *notes: str
    ) -> Iterator[Finding]:
        """A finding if `got` is outside what rounding explains."""
        finding = compare(name, got, expected.value, expected.allowed(self.dtype), notes)
        if finding is not None:
            yield finding

    def contract(self, tensor: str, message: str, *notes: str) -> Finding:
        """A finding about behaviour rather than numbers."""
        return Finding(tensor, "contract", message, notes=notes)
