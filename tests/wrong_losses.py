"""Deliberately wrong losses; each docstring says what is wrong.

Those that go wrong in the same way for every loss over classes are mixins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


# --- MSELoss --------------------------------------------------------------------------------------


class GradientWithoutThe2(reference.MSELoss):
    """The derivative of a square lacks its factor 2."""

    def _backward(self, grad_losses: Array) -> Array:
        return super()._backward(grad_losses) / 2


class GradientOverTheBatch(reference.MSELoss):
    """Backward divides by the batch size instead of the number of elements."""

    def backward(self, grad_output: Any = 1.0) -> Array:
        rows = len(np.atleast_1d(self._saved))
        gradient = super().backward(grad_output)
        factor = _where_mean(self, self._saved.size / max(1, rows))
        return (gradient * factor).astype(gradient.dtype)


class MeanOverTheBatch(reference.MSELoss):
    """The mean divides by the batch size."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        return super()._forward(x, target)[0], len(np.atleast_1d(x))


class Half(reference.MSELoss):
    """Half the squared difference."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        losses, count = super()._forward(x, target)
        return losses / 2, count

    def _backward(self, grad_losses: Array) -> Array:
        return super()._backward(grad_losses) / 2


class Broadcasts(reference.MSELoss):
    """Shapes that can be broadcast are."""

    def forward(self, input: Array, target: Array) -> Array:
        return super().forward(*np.broadcast_arrays(input, target))


def _where_mean(loss: Any, factor: float) -> float:
    return factor if loss.reduction == "mean" else 1.0


# --- every loss over classes ----------------------------------------------------------------------


class SumForMean:
    """The mean divides by nothing."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        return super()._forward(x, target)[0], 1


class GradientOfTheSum:
    """Backward does not divide by what the mean divides by."""

    def backward(self, grad_output: Any = 1.0) -> Array:
        shape, divisor, dtype = self._reduced
        self._reduced = shape, np.ones_like(divisor), dtype
        return super().backward(grad_output)


class GradientDividedTwice:
    """Backward divides by the number of samples once more."""

    def backward(self, grad_output: Any = 1.0) -> Array:
        samples = np.prod(self._reduced[0])
        return super().backward(grad_output) / np.float32(_where_mean(self, max(1, samples)))


class IgnoredInDenominator:
    """Ignored targets count in the mean."""

    def _from_indices(self, target: Array, weight: Array) -> Any:
        index, coefficients, divisor = super()._from_indices(target, weight)
        return index, coefficients, divisor + (target == self.ignore_index).sum()


class WeightedMeanOverSamples:
    """The mean divides by the number of samples, whatever their weights."""

    def _from_indices(self, target: Array, weight: Array) -> Any:
        index, coefficients, _ = super()._from_indices(target, weight)
        return index, coefficients, (target != self.ignore_index).sum()


class IndexWraps:
    """Negative class indices count from the end."""

    def _from_indices(self, target: Array, weight: Array) -> Any:
        wraps = (target < 0) & (target != self.ignore_index)
        return super()._from_indices(np.where(wraps, target + weight.size, target), weight)


class EpsilonInLog:
    """A little is added to every probability."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return super()._log_p(x + np.asarray(1e-15, x.dtype), axis)


class SmoothingOverTheOthers:
    """Label smoothing leaves out the target class itself."""

    def _smooth(self, coefficients: Array, uniform: Array) -> Array:
        classes = coefficients.shape[min(1, coefficients.ndim - 1)]
        others = (uniform * classes - coefficients) / (classes - 1)
        return super()._smooth(coefficients, others)


# --- CrossEntropyLoss -----------------------------------------------------------------------------


class NoMaxSubtraction(reference.CrossEntropyLoss):
    """exp is taken of the raw scores."""

    def _log_p(self, x: Array, axis: int) -> Array:
        self._saved = np.log(np.exp(x) / np.exp(x).sum(axis, keepdims=True))
        return self._saved


class EpsilonAfterSoftmax(reference.CrossEntropyLoss):
    """A little is added to every probability; the gradient is as if it were not."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return np.log(np.exp(super()._log_p(x, axis)) + 1e-15)


# --- NLLLoss --------------------------------------------------------------------------------------


class LogSoftmaxInside(reference.NLLLoss):
    """The input goes through log_softmax."""

    _log_p = reference.CrossEntropyLoss._log_p
    _grad_input = reference.CrossEntropyLoss._grad_input


class SignForgotten(reference.NLLLoss):
    """The log-probability itself."""

    def forward(self, input: Array, target: Array) -> Array:
        return -super().forward(input, target)

    def backward(self, grad_output: Any = 1.0) -> Array:
        return -super().backward(grad_output)


# --- losses on probabilities ----------------------------------------------------------------------


class Clipped(reference.NLLLossOnProbabilities):
    """Probabilities are kept away from 0 and 1."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return super()._log_p(x.clip(1e-12, 1 - 1e-12), axis)


class GradientWithout1OverP(reference.NLLLossOnProbabilities):
    """Backward is that of log-probabilities."""

    _grad_input = reference.NLLLoss._grad_input


class FusedGradient(reference.CrossEntropyLossOnProbabilities):
    """Backward is that of the scores before a softmax."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return grad_log_p - self._saved * grad_log_p.sum(axis, keepdims=True)


class SmoothingUnweighted(reference.CrossEntropyLossOnProbabilities):
    """The smoothed share of a class lacks the weight of that class."""

    def _smooth(self, coefficients: Array, uniform: Array) -> Array:
        classes = coefficients.shape[min(1, coefficients.ndim - 1)]
        return super()._smooth(coefficients, np.sign(uniform) / classes)


OF_ALL_CLASS_LOSSES = {
    "sum-for-mean": SumForMean,
    "gradient-of-the-sum": GradientOfTheSum,
    "gradient-divided-twice": GradientDividedTwice,
    "ignored-in-denominator": IgnoredInDenominator,
    "weighted-mean-over-samples": WeightedMeanOverSamples,
    "index-wraps": IndexWraps,
}
CLASS_LOSSES = (
    reference.CrossEntropyLoss,
    reference.NLLLoss,
    reference.NLLLossOnProbabilities,
    reference.CrossEntropyLossOnProbabilities,
)


def mixed(mistake: type, loss: type) -> type:
    """The loss with the mistake of a mixin."""
    return type(mistake.__name__, (mistake, loss), {})


# By spec and misreading id.
WRONG: dict[tuple[str, str], type] = {
    ("MSELoss", "gradient-without-the-2"): GradientWithoutThe2,
    ("MSELoss", "gradient-over-the-batch"): GradientOverTheBatch,
    ("MSELoss", "mean-over-the-batch"): MeanOverTheBatch,
    ("MSELoss", "half"): Half,
    ("MSELoss", "broadcasts"): Broadcasts,
    ("CrossEntropyLoss", "no-max-subtraction"): NoMaxSubtraction,
    ("CrossEntropyLoss", "epsilon-in-log"): EpsilonAfterSoftmax,
    ("CrossEntropyLoss", "probabilities-in"): reference.CrossEntropyLossOnProbabilities,
    ("CrossEntropyLoss", "smoothing-over-the-others"): mixed(
        SmoothingOverTheOthers, reference.CrossEntropyLoss
    ),
    ("NLLLoss", "softmax-inside"): LogSoftmaxInside,
    ("NLLLoss", "log-inside"): reference.NLLLossOnProbabilities,
    ("NLLLoss", "sign-forgotten"): SignForgotten,
    ("NLLLossOnProbabilities", "epsilon-in-log"): mixed(
        EpsilonInLog, reference.NLLLossOnProbabilities
    ),
    ("NLLLossOnProbabilities", "clipped"): Clipped,
    ("NLLLossOnProbabilities", "no-log"): reference.NLLLoss,
    ("NLLLossOnProbabilities", "gradient-without-1-over-p"): GradientWithout1OverP,
    ("CrossEntropyLossOnProbabilities", "softmax-inside"): reference.CrossEntropyLoss,
    ("CrossEntropyLossOnProbabilities", "fused-gradient"): FusedGradient,
    ("CrossEntropyLossOnProbabilities", "epsilon-in-log"): mixed(
        EpsilonInLog, reference.CrossEntropyLossOnProbabilities
    ),
    ("CrossEntropyLossOnProbabilities", "smoothing-over-the-others"): mixed(
        SmoothingOverTheOthers, reference.CrossEntropyLossOnProbabilities
    ),
    ("CrossEntropyLossOnProbabilities", "smoothing-unweighted"): SmoothingUnweighted,
    **{
        (loss.__name__, id): mixed(mistake, loss)
        for loss in CLASS_LOSSES
        for id, mistake in OF_ALL_CLASS_LOSSES.items()
    },
}
