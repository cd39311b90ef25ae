"""Learning rate schedules: each is a closed form lr(t), where t counts the calls of `step()`."""

from __future__ import annotations

import math

from .arrays import integer
from .optimizers import Optimizer


class Scheduler:
    """Sets the optimizer's learning rate to lr(0) when built, then to lr(1), lr(2), ...

    lr0 is the learning rate that the optimizer had when the scheduler was built.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.lr0 = float(optimizer.lr)
        self.t = 0
        self.optimizer.lr = self.lr(0)

    def lr(self, t: int) -> float:
        """Return the learning rate after t steps."""
        raise NotImplementedError

    def step(self) -> None:
        """Go on to the next learning rate."""
        self.t += 1
        self.optimizer.lr = self.lr(self.t)

    def get_last_lr(self) -> float:
        """Return the current learning rate."""
        return self.lr(self.t)


class ConstantLR(Scheduler):
    """Holds a reduced rate for total_iters steps, then the full one.

    lr(t) = lr0 factor if t < total_iters, else lr0

    As in PyTorch, total_iters=0 reduces the rate for ever.
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5) -> None:
        if not 0.0 <= factor <= 1.0:
            raise ValueError(f"factor must be between 0 and 1, got {factor}")
        self.factor = factor
        self.total_iters = integer(total_iters, "total_iters", minimum=0)
        super().__init__(optimizer)

    def lr(self, t: int) -> float:
        reduced = t < self.total_iters or self.total_iters == 0
        return self.lr0 * self.factor if reduced else self.lr0


class LinearLR(Scheduler):
    """Moves the rate on a straight line, and holds it from step total_iters on.

    lr(t) = lr0 (start_factor + (end_factor - start_factor) min(t / total_iters, 1))

    As in PyTorch, total_iters=0 holds the start for ever.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        if not 0.0 < start_factor <= 1.0:
            raise ValueError(
                f"start_factor must be greater than 0 and at most 1, got {start_factor}"
            )
        if not 0.0 <= end_factor <= 1.0:
            raise ValueError(f"end_factor must be between 0 and 1, got {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = integer(total_iters, "total_iters", minimum=0)
        super().__init__(optimizer)

    def lr(self, t: int) -> float:
        progress = min(t / self.total_iters, 1.0) if self.total_iters > 0 else 0.0
        return self.lr0 * (self.start_factor + (self.end_factor - self.start_factor) * progress)


class ExponentialLR(Scheduler):
    """Multiplies the rate by gamma at every step.

    lr(t) = lr0 gamma^t
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = float(gamma)
        super().__init__(optimizer)

    def lr(self, t: int) -> float:
        return self.lr0 * self.gamma**t


class StepLR(Scheduler):
    """Multiplies the rate by gamma every step_size steps.

    lr(t) = lr0 gamma^floor(t / step_size)
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = integer(step_size, "step_size", minimum=1)
        self.gamma = float(gamma)
        super().__init__(optimizer)

    def lr(self, t: int) -> float:
        return self.lr0 * self.gamma ** (t // self.step_size)


class CosineAnnealingLR(Scheduler):
    """Lowers the rate to eta_min along half a cosine, T_max steps long; beyond, it rises again.

    lr(t) = eta_min + (lr0 - eta_min) (1 + cos(pi t / T_max)) / 2

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, without the restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = integer(T_max, "T_max", minimum=1)
        self.eta_min = eta_min
        super().__init__(optimizer)

    def lr(self, t: int) -> float:
        cosine = math.cos(math.pi * t / self.T_max)
        return self.eta_min + (self.lr0 - self.eta_min) * (1.0 + cosine) / 2.0


class FixedLR(Scheduler):
    """Leaves the rate as it is.

    lr(t) = lr0
    """

    def lr(self, t: int) -> float:
        return self.lr0


class ExpoLR(Scheduler):
    """Divides the rate by k at every step.

    lr(t) = lr0 / k^t
    """

    def __init__(self, optimizer: Optimizer, k: float) -> None:
        if not k > 0:
            raise ValueError(f"k must be greater than 0, got {k}")
        self.k = float(k)
        super().__init__(optimizer)

    def lr(self, t: int) -> float:
        return self.lr0 * self.k**-t


class LinearDecayLR(Scheduler):
    """Subtracts k from the rate at every step (and may go below zero).

    lr(t) = lr0 - k t
    """

    def __init__(self, optimizer: Optimizer, k: float) -> None:
        self.k = float(k)
        super().__init__(optimizer)

    def lr(self, t: int) -> float:
        return self.lr0 - self.k * t


class TimeBasedLR(Scheduler):
    """Divides the rate by a number that grows linearly.

    lr(t) = lr0 / (1 + k t)
    """

    def __init__(self, optimizer: Optimizer, k: float) -> None:
        if not k >= 0:
            raise ValueError(f"k must be at least 0, got {k}")
        self.k = float(k)
        super().__init__(optimizer)

    def lr(self, t: int) -> float:
        return self.lr0 / (1.0 + self.k * t)
