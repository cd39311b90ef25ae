"""Layers that are right for one forward and one backward, and wrong in another order of calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from catching import caught

from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


class FirstMaskKept(reference.ReLU):
    """The mask is made only where there is none of this shape yet."""

    def _forward(self, x: Array) -> Array:
        if self._saved is None or self._saved.shape != x.shape:
            self._saved = x > 0
        return np.maximum(x, 0)


class EvalCachePreferred(reference.BatchNorm1d):
    """Eval mode leaves a cache of its own, which backward prefers for ever after."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        if not self.training:
            self._eval_saved = self._saved
        return y

    def _backward(self, grad_output: Array) -> Array:
        self._saved = getattr(self, "_eval_saved", self._saved)
        return super()._backward(grad_output)


class BackwardLooksAtTheMode(reference.BatchNorm1d):
    """Backward asks which mode the layer is in now, not which one its forward ran in."""

    def _backward(self, grad_output: Array) -> Array:
        normalized, scale, _ = self._saved
        count = normalized.size // self.num_features if self.training else None
        self._saved = normalized, scale, count
        return super()._backward(grad_output)


class StatisticsRestarted(reference.BatchNorm2d):
    """train() starts the running statistics anew."""

    def train(self, mode: bool = True) -> reference.BatchNorm2d:
        if mode and self.running_mean is not None:
            self.running_mean[...] = 0
        return super().train(mode)


class FirstCountKept(reference.MSELoss):
    """The number of elements is taken from the first batch."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        losses, count = super()._forward(x, target)
        self._count = getattr(self, "_count", count)
        return losses, self._count


class RowsLeftOver(reference.Linear):
    """A smaller batch is copied into the buffer of the larger one before, and summed with it."""

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        before, self._before = getattr(self, "_before", grad_output), grad_output.copy()
        if self.grad_bias is not None and len(before) > len(grad_output):
            self.grad_bias += before[len(grad_output) :].sum(0)
        return grad_input


class CacheUsedUp(reference.Sigmoid):
    """Backward multiplies in place what forward left."""

    def _backward(self, grad_output: Array) -> Array:
        y = self._saved
        y *= 1 - y
        return grad_output * y


class ZerosBeforeForward(reference.Linear):
    """Backward before forward returns zeros."""

    def backward(self, grad_output: Array) -> Array:
        if self._output is None:
            return np.zeros((*grad_output.shape[:-1], self.in_features), grad_output.dtype)
        return super().backward(grad_output)


class CacheOnTheClass(reference.Tanh):
    """What forward leaves is an attribute of the class."""

    def _forward(self, x: Array) -> Array:
        y = np.tanh(x)
        type(self)._saved = y.copy()
        return y


class GradientsOnTheClass(reference.ChannelwiseScaling):
    """All layers of a size share their gradients, as a mutable default argument would."""

    shared: dict[tuple[int, str], Array] = {}  # noqa: RUF012

    def __init__(self, num_features: int, *, dtype: Any = np.float64) -> None:
        super().__init__(num_features, dtype=dtype)
        for name in ("grad_weight", "grad_bias"):
            key = num_features, f"{name} {np.dtype(dtype)}"
            setattr(self, name, self.shared.setdefault(key, np.zeros(num_features, dtype)))
        self.zero_grad()


class ModeOnTheClass(reference.Dropout):
    """train() and eval() switch all layers."""

    def train(self, mode: bool = True) -> reference.Dropout:
        type(self).training = mode
        return self


class TransposeKept(reference.Linear):
    """The transposed weight is made at the first forward and kept."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        if not hasattr(self, "_transposed"):
            self._transposed = self.weight.T.astype(x.dtype)
        bias = 0 if self.bias is None else self.bias.astype(x.dtype)
        return x @ self._transposed + bias if x.ndim else y


class WeightReadInBackward(reference.Linear):
    """Backward uses the weight of the moment, which an optimizer may have changed."""

    def _backward(self, grad_output: Array) -> Array:
        super()._backward(grad_output)
        return grad_output @ self.weight.astype(grad_output.dtype)


class GradientsBornInBackward(reference.Linear):
    """There are no gradients to zero before the first backward."""

    def zero_grad(self) -> None:
        if self._output is None:
            raise AttributeError("'Linear' object has no attribute 'grad_weight'")
        super().zero_grad()


class EvaluationCounts(reference.BatchNorm1d):
    """A forward in eval mode counts as a batch in the cumulative average."""

    def _forward(self, x: Array) -> Array:
        if not self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        return super()._forward(x)


class AverageOfTheLastTwo(reference.BatchNorm2d):
    """The cumulative average gives each new batch a share of one half at least."""

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        if self.num_batches_tracked is not None and self.momentum is None:
            self.num_batches_tracked[...] = min(int(self.num_batches_tracked), 1)
        super()._track(mean, variance, count)


WRONG = [
    (FirstMaskKept, "last_forward", "wanted: the gradient of the second of two forwards"),
    (EvalCachePreferred, "other_mode_between", "after a forward in eval mode"),
    (
        BackwardLooksAtTheMode,
        "mode_of_forward",
        "after a switch to eval between forward and backward",
    ),
    (StatisticsRestarted, "mode_again", "train() changes running_mean"),
    (FirstCountKept, "batch_sizes", "input (3, 3) after (4, 3)"),
    (RowsLeftOver, "batch_sizes", "input (3, 3) after (4, 3)"),
    (CacheUsedUp, "backward_twice", "wanted: the gradient of the first of two equal backwards"),
    (
        ZerosBeforeForward,
        "backward_first",
        "backward before any forward must raise an error, but returned",
    ),
    (CacheOnTheClass, "instances", "after another layer of the same class was used"),
    (GradientsOnTheClass, "instances", "after another layer of the same class was used"),
    (ModeOnTheClass, "instances", "after another layer of the same class was used"),
    (TransposeKept, "parameters_seen", "after the parameters were changed between two forwards"),
    (
        WeightReadInBackward,
        "parameters_replaced",
        "after the parameters were changed between forward and backward",
    ),
    (EvaluationCounts, "running_mean_over_steps", "after 3 forwards"),
    (AverageOfTheLastTwo, "running_var_over_steps", "after 3 forwards"),
]


@pytest.mark.parametrize(("wrong", "check", "words"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_sequence_is_caught(wrong, check, words):
    assert words in caught(wrong, check)


def test_zero_grad_before_the_first_backward_must_not_raise():
    (said,) = caught(GradientsBornInBackward, "zero_grad_first")
    assert said.startswith("zero_grad raised AttributeError: 'Linear' object has no attribute")
