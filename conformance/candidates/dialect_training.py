"""What a dialect must offer for optimizers and schedulers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from conformance.candidates.dialect import AnyArray, Factory
from conformance.records.trial import Trial


class OptimizerSubject(Protocol):
    """An optimizer over parameters that the suite made."""

    def get(self, name: str) -> AnyArray:
        """A parameter as the suite's own array shows it: an optimizer works in place."""

    def gradient(self, name: str) -> AnyArray:
        """The gradient of a parameter; zeros where there is none."""

    def update(self, gradients: Mapping[str, AnyArray]) -> None:
        """Set the gradients, then ``step()``."""

    def set_rate(self, rate: float) -> None:
        """Set the learning rate where a scheduler sets it; `NotImplementedHere` if nobody can."""

    def zero_grad(self) -> None:
        """``zero_grad()``."""


class SchedulerSubject(Protocol):
    """A scheduler on an optimizer whose rate starts at the trial's lr0."""

    def advance(self) -> None:
        """``step()``."""

    def rate(self) -> float:
        """The rate that the optimizer has now."""

    def reported(self) -> float:
        """What ``get_last_lr()`` says."""


class TrainingDialect(Protocol):
    """A dialect that also builds optimizers and schedulers."""

    def build_optimizer(
        self, factory: Factory, trial: Trial, handles: Mapping[str, Any] | None = None
    ) -> OptimizerSubject:
        """Construct an optimizer over the trial's parameters, or over those of layers."""

    def build_scheduler(self, factory: Factory, trial: Trial) -> SchedulerSubject:
        """Construct a scheduler."""
