"""Optimizers and schedulers in the native dialect.

``SGD(params, lr=0.1, momentum=0.9)`` over ``(parameter, gradient)`` pairs of arrays, which
``step()`` changes in place; ``StepLR(optimizer, step_size=10)`` sets ``optimizer.lr``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conformance.candidates.dialect import (
    AnyArray,
    ContractError,
    NotImplementedHere,
    dtype_of,
)
from conformance.records.foreign import name_of
from conformance.records.trial import Trial


def call_method(subject: Any, name: str, *arguments: Any) -> Any:
    """Call a method that the dialect promises."""
    method = getattr(subject, name, None)
    if not callable(method):
        raise ContractError(f"{type(subject).__name__} has no method {name}()")
    return method(*arguments)


def set_rate(optimizer: Any, names: Sequence[str], rate: float) -> None:
    """Assign to the first of these attributes that the optimizer has."""
    name = next((name for name in names if hasattr(optimizer, name)), None)
    if name is None:
        raise NotImplementedHere(
            f"{type(optimizer).__name__} has no attribute {' or '.join(names)}: its rate cannot be "
            "changed between steps"
        )
    setattr(optimizer, name, rate)


def as_rate(value: Any, what: str) -> float:
    """A learning rate as a number; `ContractError` if it is none."""
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        kind = "None" if value is None else f"a {name_of(type(value))}"
        raise ContractError(f"{what} is {kind}, not a number") from None


def reported_rate(value: Any) -> float:
    """What ``get_last_lr()`` gave: a number, or a list with one."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    return as_rate(first, "what get_last_lr() returns")


class NativeOptimizer:
    """Drives one optimizer over arrays of the suite's own."""

    def __init__(self, pairs: Mapping[str, tuple[AnyArray, AnyArray]], optimizer: Any) -> None:
        self.pairs = pairs
        self.optimizer = optimizer

    def get(self, name: str) -> AnyArray:
        """The array that the optimizer was given."""
        return self.pairs[name][0]

    def gradient(self, name: str) -> AnyArray:
        """The gradient array that the optimizer was given."""
        return self.pairs[name][1]

    def update(self, gradients: Mapping[str, AnyArray]) -> None:
        """Write the gradients into their arrays, then ``step()``."""
        for name, value in gradients.items():
            self.pairs[name][1][...] = value
        call_method(self.optimizer, "step")

    def set_rate(self, rate: float) -> None:
        """``optimizer.lr = rate``."""
        set_rate(self.optimizer, ["lr"], rate)

    def zero_grad(self) -> None:
        """``zero_grad()``."""
        call_method(self.optimizer, "zero_grad")


class Rate:
    """Stands for an optimizer before a scheduler: something with a rate."""

    def __init__(self, lr: float) -> None:
        self.lr = lr


class NativeScheduler:
    """Drives one scheduler."""

    def __init__(self, holder: Rate, scheduler: Any) -> None:
        self.holder = holder
        self.scheduler = scheduler

    def advance(self) -> None:
        """``step()``."""
        call_method(self.scheduler, "step")

    def rate(self) -> float:
        """The optimizer's ``lr``."""
        return as_rate(self.holder.lr, "the optimizer's lr")

    def reported(self) -> float:
        """``get_last_lr()``: a number, or a list with one."""
        value = call_method(self.scheduler, "get_last_lr")
        return reported_rate(value)


def fresh_pairs(trial: Trial) -> dict[str, tuple[AnyArray, AnyArray]]:
    """Parameter and gradient arrays for an optimizer, in the trial's dtype."""
    dtype = dtype_of(trial)
    return {
        name: (value.astype(dtype), np.zeros(value.shape, dtype))
        for name, value in trial.parameters.items()
    }


def pairs_over(parameters: Mapping[str, AnyArray]) -> dict[str, tuple[AnyArray, AnyArray]]:
    """A layer's own parameter arrays, with gradient arrays of the suite's."""
    return {name: (array, np.zeros_like(array)) for name, array in parameters.items()}
