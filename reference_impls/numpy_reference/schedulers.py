"""Learning-rate schedulers: each step of one sets the learning rate of its optimizer anew.

The first group continues from the optimizer's current rate as PyTorch's schedulers do, so that
several of them can act on one optimizer; the second group is closed formulas in the number of
steps t and the initial rate lr0.
"""

from __future__ import annotations

import math
from typing import Protocol


class HasLearningRate(Protocol):
    """All that a scheduler needs of an optimizer."""

    lr: float


class Scheduler:
    """Base of all schedulers; a subclass says with `_rate` what the rate is after t steps."""

    def __init__(self, optimizer: HasLearningRate) -> None:
        self.optimizer = optimizer
        self.lr0 = optimizer.lr
        self.t = 0
        optimizer.lr = self._rate(self.t, optimizer.lr)

    def _rate(self, t: int, lr: float) -> float:
        """Return the rate after t steps, where lr is the current one."""
        raise NotImplementedError

    def step(self) -> None:
        """Move on by one step, usually an epoch."""
        self.t += 1
        self.optimizer.lr = self._rate(self.t, self.optimizer.lr)

    def get_last_lr(self) -> float:
        """Return the current learning rate."""
        return self.optimizer.lr


class ConstantLR(Scheduler):
    """Multiplies the rate by `factor` for the first `total_iters` steps.

    lr = lr0 · factor if t < total_iters else lr0

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
    """

    def __init__(
        self, optimizer: HasLearningRate, factor: float = 1 / 3, total_iters: int = 5
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: factor={factor} should be between 0 and 1")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def _rate(self, t: int, lr: float) -> float:
        if t == 0:
            return lr * self.factor
        return lr * (1 / self.factor) if t == self.total_iters else lr


class LinearLR(Scheduler):
    """Moves the rate's factor evenly from `start_factor` to `end_factor` over `total_iters` steps.

    lr = lr0 · (start_factor + (end_factor - start_factor) · min(t, total_iters) / total_iters)

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
    """

    def __init__(
        self,
        optimizer: HasLearningRate,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor={start_factor} should be in (0, 1]")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor={end_factor} should be between 0 and 1")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def _rate(self, t: int, lr: float) -> float:
        if t == 0:
            return lr * self.start_factor
        if t > self.total_iters:
            return lr
        rise = self.end_factor - self.start_factor
        return lr * (1 + rise / (self.total_iters * self.start_factor + (t - 1) * rise))


class ExponentialLR(Scheduler):
    """Multiplies the rate by `gamma` in every step.

    lr = lr0 · gammaᵗ

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
    """

    def __init__(self, optimizer: HasLearningRate, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def _rate(self, t: int, lr: float) -> float:
        return lr * self.gamma if t else lr


class StepLR(Scheduler):
    """Multiplies the rate by `gamma` in every `step_size`-th step.

    lr = lr0 · gamma^⌊t / step_size⌋

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
    """

    def __init__(self, optimizer: HasLearningRate, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer)

    def _rate(self, t: int, lr: float) -> float:
        return lr * self.gamma if t and t % self.step_size == 0 else lr


class CosineAnnealingLR(Scheduler):
    """Lets the rate swing between lr0 and `eta_min`, half a period in `T_max` steps.

    lr = eta_min + (lr0 - eta_min) · (1 + cos(π t / T_max)) / 2

    Source: Loshchilov & Hutter 2016, arXiv:1608.03983
    """

    def __init__(self, optimizer: HasLearningRate, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer)

    def _rate(self, t: int, lr: float) -> float:
        if t == 0:
            return lr
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # out of the minimum, where lr = eta_min
            return lr + (self.lr0 - self.eta_min) * (1 - math.cos(math.pi / self.T_max)) / 2
        now, before = (1 + math.cos(math.pi * s / self.T_max) for s in (t, t - 1))
        return now / before * (lr - self.eta_min) + self.eta_min


class FixedLR(Scheduler):
    """Leaves the rate alone.

    lr = lr0
    """

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0


class _Decay(Scheduler):
    def __init__(self, optimizer: HasLearningRate, k: float) -> None:
        self.k = k
        super().__init__(optimizer)


class ExpoLR(_Decay):
    """Exponential decay.

    lr = lr0 / kᵗ
    """

    def _rate(self, t: int, lr: float) -> float:
        return float(self.lr0 / self.k**t)


class LinearDecayLR(_Decay):
    """Linear decay.

    lr = lr0 - k · t
    """

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 - self.k * t


class TimeBasedLR(_Decay):
    """Hyperbolic decay.

    lr = lr0 / (1 + k · t)
    """

    def _rate(self, t: int, lr: float) -> float:
        return self.lr0 / (1 + self.k * t)
