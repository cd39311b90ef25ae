"""Misread schedulers; the sentence for their authors stands in the specs."""

from __future__ import annotations

import math
from copy import copy
from typing import Any

from conformance.misreadings.catalogue import misreading, mistake_of
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.schedulers import HasLearningRate, Scheduler

# --- several schedulers ---------------------------------------------------------------------------


@mistake_of(reference.ExponentialLR, reference.StepLR, reference.ExpoLR, id="one-step-early")
@mistake_of(reference.LinearDecayLR, reference.TimeBasedLR, id="one-step-early")
class OneStepEarly(Scheduler):
    """The rate after t steps is that of t + 1."""

    def _rate(self, t: int, lr: float) -> float:
        return super()._rate(t + 1, lr)


@mistake_of(reference.ExponentialLR, reference.StepLR, reference.LinearLR, id="one-step-late")
@mistake_of(reference.CosineAnnealingLR, reference.LinearDecayLR, id="one-step-late")
class OneStepLate(Scheduler):
    """The first step sets the rate that there was before it."""

    def _rate(self, t: int, lr: float) -> float:
        return super()._rate(t - 1, lr) if t > 1 else lr if t else super()._rate(0, lr)


@mistake_of(reference.StepLR, reference.CosineAnnealingLR, id="optimizer-not-told")
class OptimizerNotTold(Scheduler):
    """The rate is computed and reported, but the optimizer keeps its own."""

    def __init__(self, optimizer: HasLearningRate, *args: Any, **more: Any) -> None:
        super().__init__(copy(optimizer), *args, **more)


@mistake_of(
    reference.ExponentialLR, reference.LinearLR, reference.TimeBasedLR, id="reports-first-rate"
)
class ReportsFirstRate(Scheduler):
    """get_last_lr keeps saying what the rate was at first."""

    def get_last_lr(self) -> float:
        return self.lr0


@mistake_of(reference.ExpoLR, reference.LinearDecayLR, id="reports-next-rate")
class ReportsNextRate(Scheduler):
    """get_last_lr says what the rate will be after the next step."""

    def get_last_lr(self) -> float:
        return self._rate(self.t + 1, self.optimizer.lr)


# --- one after the other --------------------------------------------------------------------------


@misreading("ConstantLR", "never-restored")
class NeverRestored(reference.ConstantLR):
    """The factor stays for ever."""

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 * self.factor


@misreading("ConstantLR", "restored-late")
class RestoredLate(reference.ConstantLR):
    """The factor still holds after total_iters steps."""

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 * (self.factor if t <= self.total_iters else 1)


@misreading("ConstantLR", "compounded")
class FactorCompounded(reference.ConstantLR):
    """Each of the first steps multiplies by the factor once more."""

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 if t >= self.total_iters else lr * self.factor


@misreading("ConstantLR", "first-rate-whole")
class FirstRateWhole(reference.ConstantLR):
    """The constructor leaves the rate alone, so the first step is taken at the full rate."""

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 * (self.factor if 0 < t < self.total_iters else 1)


@misreading("ExponentialLR", "natural-exponential")
class NaturalExponential(reference.ExponentialLR):
    """gamma is taken for the rate of decay in exp(-gamma * t)."""

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 * math.exp(-self.gamma * t)


@misreading("ExponentialLR", "compounded")
class PowerCompounded(reference.ExponentialLR):
    """The current rate is multiplied by gamma**t, not the first one."""

    def _rate(self, t: int, lr: float) -> float:
        return float(lr * self.gamma**t)


@misreading("StepLR", "power-of-a-fraction")
class PowerOfAFraction(reference.StepLR):
    """The steps are divided by step_size without rounding down."""

    def _rate(self, t: int, lr: float) -> float:
        return float(self.lr0 * self.gamma ** (t / self.step_size))


@misreading("StepLR", "multiplied-not-raised")
class MultipliedNotRaised(reference.StepLR):
    """gamma is multiplied by the number of drops."""

    def _rate(self, t: int, lr: float) -> float:
        drops = t // self.step_size
        return self.lr0 * self.gamma * drops if drops else self.lr0


@misreading("StepLR", "drops-for-ever")
class DropsForEver(reference.StepLR):
    """Every step after the first step_size steps drops the rate."""

    def _rate(self, t: int, lr: float) -> float:
        return lr * self.gamma if t >= self.step_size else lr


@misreading("CosineAnnealingLR", "whole-period")
class WholePeriod(reference.CosineAnnealingLR):
    """T_max is taken for the whole period."""

    def _rate(self, t: int, lr: float) -> float:
        swing = (1 + math.cos(2 * math.pi * t / self.T_max)) / 2
        return self.eta_min + (self.lr0 - self.eta_min) * swing


@misreading("CosineAnnealingLR", "stays-at-the-floor")
class StaysAtTheFloor(reference.CosineAnnealingLR):
    """After T_max steps the rate is eta_min for ever."""

    def _rate(self, t: int, lr: float) -> float:
        swing = (1 + math.cos(math.pi * min(t, self.T_max) / self.T_max)) / 2
        return self.eta_min + (self.lr0 - self.eta_min) * swing


@misreading("CosineAnnealingLR", "restarts")
class Restarts(reference.CosineAnnealingLR):
    """After T_max steps the rate jumps back to the first."""

    def _rate(self, t: int, lr: float) -> float:
        swing = (1 + math.cos(math.pi * (t % self.T_max) / self.T_max)) / 2
        return self.eta_min + (self.lr0 - self.eta_min) * swing


@misreading("CosineAnnealingLR", "floor-added")
class FloorAdded(reference.CosineAnnealingLR):
    """eta_min is added to the whole swing, so the first rate is too large."""

    def _rate(self, t: int, lr: float) -> float:
        return self.eta_min + self.lr0 * (1 + math.cos(math.pi * t / self.T_max)) / 2


@misreading("LinearLR", "never-stops")
class NeverStops(reference.LinearLR):
    """The line goes on after total_iters."""

    def _rate(self, t: int, lr: float) -> float:
        slope = (self.end_factor - self.start_factor) / self.total_iters
        return self.lr0 * (self.start_factor + slope * t)


@misreading("LinearLR", "whole-division")
class WholeDivision(reference.LinearLR):
    """The share of the way is rounded down, so the factor jumps at the end."""

    def _rate(self, t: int, lr: float) -> float:
        share = min(t, self.total_iters) // self.total_iters
        return self.lr0 * (self.start_factor + (self.end_factor - self.start_factor) * share)


@misreading("LinearLR", "compounded")
class LineCompounded(reference.LinearLR):
    """The factor multiplies the current rate, not the first one."""

    def _rate(self, t: int, lr: float) -> float:
        share = min(t, self.total_iters) / self.total_iters
        return lr * (self.start_factor + (self.end_factor - self.start_factor) * share)


@misreading("LinearLR", "first-rate-whole")
class LineFromTheFirstStep(reference.LinearLR):
    """The constructor leaves the rate alone, so the first step is taken at the full rate."""

    def _rate(self, t: int, lr: float) -> float:
        share = min(t, self.total_iters) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * share
        return self.lr0 * factor if t else lr


@misreading("ExpoLR", "multiplied")
class Multiplied(reference.ExpoLR):
    """The rate is multiplied by k in every step."""

    def _rate(self, t: int, lr: float) -> float:
        return float(self.lr0 * self.k**t)


@misreading("ExpoLR", "compounded")
class QuotientCompounded(reference.ExpoLR):
    """The current rate is divided by k**t, not the first one."""

    def _rate(self, t: int, lr: float) -> float:
        return float(lr / self.k**t)


@misreading("LinearDecayLR", "share-of-the-first")
class ShareOfTheFirst(reference.LinearDecayLR):
    """k is taken for a share of the first rate."""

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 * (1 - self.k * t)


@misreading("LinearDecayLR", "compounded")
class DifferenceCompounded(reference.LinearDecayLR):
    """k * t is subtracted from the current rate, not from the first one."""

    def _rate(self, t: int, lr: float) -> float:
        return lr - self.k * t


@misreading("TimeBasedLR", "compounded")
class Compounded(reference.TimeBasedLR):
    """The current rate is divided, not the first."""

    def _rate(self, t: int, lr: float) -> float:
        return lr / (1 + self.k * t)


@misreading("TimeBasedLR", "power-for-product")
class PowerForProduct(reference.TimeBasedLR):
    """The first rate is divided by (1 + k)**t."""

    def _rate(self, t: int, lr: float) -> float:
        return float(self.lr0 / (1 + self.k) ** t)


@misreading("TimeBasedLR", "root-of-time")
class RootOfTime(reference.TimeBasedLR):
    """The rate falls with the root of time."""

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 / math.sqrt(1 + self.k * t)


@misreading("FixedLR", "drifting")
class Drifting(reference.FixedLR):
    """The rate creeps."""

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 * (1 + 1e-9 * t)


@misreading("FixedLR", "rate-of-its-own")
class RateOfItsOwn(reference.FixedLR):
    """The rate is one that the scheduler brings along, not the optimizer's."""

    def __init__(self, optimizer: HasLearningRate, lr: float = 0.01) -> None:
        self.fixed = lr
        super().__init__(optimizer)

    def _rate(self, t: int, lr: float) -> float:
        return self.fixed
