"""Misread losses; the sentence for their authors stands in the specs.

Those that go wrong in the same way for every loss over classes are mixins.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from conformance.misreadings.catalogue import misreading, mistake_of, register
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.losses import Loss, _ClassLoss

Array: TypeAlias = npt.NDArray[Any]

CLASS_LOSSES: tuple[type[_ClassLoss], ...] = (
    reference.CrossEntropyLoss,
    reference.NLLLoss,
    reference.NLLLossOnProbabilities,
    reference.CrossEntropyLossOnProbabilities,
)
CROSS_ENTROPIES = (reference.CrossEntropyLoss, reference.CrossEntropyLossOnProbabilities)
ON_PROBABILITIES = (
    reference.NLLLossOnProbabilities,
    reference.CrossEntropyLossOnProbabilities,
)


def where_mean(loss: Loss, factor: float) -> float:
    """The factor where the loss is a mean, and 1 elsewhere."""
    return factor if loss.reduction == "mean" else 1.0


# --- every loss -----------------------------------------------------------------------------------


@mistake_of(reference.MSELoss, *CLASS_LOSSES, id="sum-for-mean")
class SumForMean(Loss):
    """The mean divides by nothing."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        return super()._forward(x, target)[0], 1


@mistake_of(reference.MSELoss, *CLASS_LOSSES, id="gradient-of-the-sum")
class GradientOfTheSum(Loss):
    """Backward does not divide by what the mean divides by."""

    def backward(self, grad_output: npt.ArrayLike = 1.0) -> Array:
        assert self._reduced is not None
        shape, divisor, dtype = self._reduced
        self._reduced = shape, np.ones_like(divisor), dtype
        return super().backward(grad_output)


@mistake_of(reference.MSELoss, *CLASS_LOSSES, id="gradient-divided-twice")
class GradientDividedTwice(Loss):
    """Backward divides by the number of losses once more."""

    def backward(self, grad_output: npt.ArrayLike = 1.0) -> Array:
        assert self._reduced is not None
        losses = math.prod(self._reduced[0])
        return super().backward(grad_output) / np.float32(where_mean(self, max(1, losses)))


@mistake_of(reference.MSELoss, *CLASS_LOSSES, id="backward-ignores-reduction")
class BackwardIgnoresReduction(Loss):
    """Backward is always that of the mean."""

    def forward(self, input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
        reduction, self.reduction = self.reduction, "mean"
        try:
            super().forward(input, target)
            mean = self._reduced
        finally:
            self.reduction = reduction
        loss = super().forward(input, target)
        if mean is not None and mean[1] != 0:
            self._reduced = mean
        return loss


@mistake_of(*CLASS_LOSSES, id="mean-over-the-batch")
class MeanOverTheBatch(Loss):
    """The mean divides by the batch size alone, however many pixels there are."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        losses, divisor = super()._forward(x, target)
        return losses, divisor * len(losses) / max(1, losses.size) if losses.ndim else divisor


# --- MSELoss --------------------------------------------------------------------------------------


@misreading("MSELoss", "gradient-without-the-2")
class GradientWithoutThe2(reference.MSELoss):
    """The derivative of a square lacks its factor 2."""

    def _backward(self, grad_losses: Array) -> Array:
        return super()._backward(grad_losses) / 2


@misreading("MSELoss", "gradient-sign")
class GradientSign(reference.MSELoss):
    """The difference is taken the other way round in backward."""

    def _backward(self, grad_losses: Array) -> Array:
        return -super()._backward(grad_losses)


@misreading("MSELoss", "gradient-over-the-batch")
class GradientOverTheBatch(reference.MSELoss):
    """Backward divides by the batch size instead of the number of elements."""

    def backward(self, grad_output: npt.ArrayLike = 1.0) -> Array:
        rows = len(np.atleast_1d(self._saved))
        gradient = super().backward(grad_output)
        factor = where_mean(self, self._saved.size / max(1, rows))
        return (gradient * factor).astype(gradient.dtype)


@misreading("MSELoss", "mean-over-the-batch")
class SquaresOverTheBatch(reference.MSELoss):
    """The mean divides by the batch size."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        return super()._forward(x, target)[0], len(np.atleast_1d(x))


@misreading("MSELoss", "half")
class Half(reference.MSELoss):
    """Half the squared difference."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        losses, count = super()._forward(x, target)
        return losses / 2, count

    def _backward(self, grad_losses: Array) -> Array:
        return super()._backward(grad_losses) / 2


@misreading("MSELoss", "absolute-difference")
class AbsoluteDifference(reference.MSELoss):
    """The differences are not squared."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        _, count = super()._forward(x, target)
        return np.abs(self._saved), count

    def _backward(self, grad_losses: Array) -> Array:
        return np.sign(self._saved) * grad_losses


@misreading("MSELoss", "root")
class Root(reference.MSELoss):
    """The root of the mean square."""

    def forward(self, input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
        loss = np.asarray(np.sqrt(super().forward(input, target)))
        self.root = loss
        return loss

    def backward(self, grad_output: npt.ArrayLike = 1.0) -> Array:
        upstream = np.asarray(grad_output, self.root.dtype)
        return super().backward(upstream / (2 * self.root))


@misreading("MSELoss", "expanded-square")
class ExpandedSquare(reference.MSELoss):
    """The square is multiplied out."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        _, count = super()._forward(x, target)
        t = target.astype(x.dtype, copy=False)
        return x * x - 2 * x * t + t * t, count


@misreading("MSELoss", "one-loss-per-row")
class OneLossPerRow(reference.MSELoss):
    """Without a reduction there still is one over all axes but the first."""

    def forward(self, input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
        losses = super().forward(input, target)
        if self.reduction != "none" or losses.ndim < 2:
            return losses
        return losses.mean(axis=tuple(range(1, losses.ndim)))


@misreading("MSELoss", "broadcasts")
class Broadcasts(reference.MSELoss):
    """Shapes that can be broadcast are."""

    def forward(self, input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
        return super().forward(*np.broadcast_arrays(input, target))


# --- losses over classes --------------------------------------------------------------------------


@mistake_of(*CLASS_LOSSES, id="mean-over-classes")
class MeanOverClasses(_ClassLoss):
    """The mean also divides by the number of classes."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        losses, divisor = super()._forward(x, target)
        return losses, divisor * x.shape[min(x.ndim - 1, 1)]


@mistake_of(*CLASS_LOSSES, id="ignored-in-denominator")
class IgnoredInDenominator(_ClassLoss):
    """Ignored targets count in the mean."""

    def _from_indices(self, target: Array, weight: Array) -> tuple[Array | None, Array, Any]:
        index, coefficients, divisor = super()._from_indices(target, weight)
        return index, coefficients, divisor + (target == self.ignore_index).sum()


@mistake_of(*CLASS_LOSSES, id="nothing-ignored")
class NothingIgnored(_ClassLoss):
    """The ignored class is a class like all others."""

    def _from_indices(self, target: Array, weight: Array) -> tuple[Array | None, Array, Any]:
        ignored, self.ignore_index = self.ignore_index, -100
        try:
            return super()._from_indices(target, weight)
        finally:
            self.ignore_index = ignored


@mistake_of(*CLASS_LOSSES, id="gradient-of-the-ignored")
class GradientOfTheIgnored(_ClassLoss):
    """Backward knows nothing of ignored targets."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        right = super()._forward(x, target)
        ignored, self.ignore_index = self.ignore_index, -100
        super()._forward(x, target)  # what backward will use
        self.ignore_index = ignored
        return right


@mistake_of(*CLASS_LOSSES, id="gradient-unweighted")
class GradientUnweighted(_ClassLoss):
    """Backward knows nothing of the classes' weights."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        right = super()._forward(x, target)
        weight, self.weight = self.weight, None
        super()._forward(x, target)  # what backward will use
        self.weight = weight
        return right


@mistake_of(*CLASS_LOSSES, id="weighted-mean-over-samples")
class WeightedMeanOverSamples(_ClassLoss):
    """The mean divides by the number of samples, whatever their weights."""

    def _from_indices(self, target: Array, weight: Array) -> tuple[Array | None, Array, Any]:
        index, coefficients, _ = super()._from_indices(target, weight)
        return index, coefficients, (target != self.ignore_index).sum()


@mistake_of(*CLASS_LOSSES, id="index-wraps")
class IndexWraps(_ClassLoss):
    """Negative class indices count from the end."""

    def _from_indices(self, target: Array, weight: Array) -> tuple[Array | None, Array, Any]:
        wraps = (target < 0) & (target != self.ignore_index)
        return super()._from_indices(np.where(wraps, target + weight.size, target), weight)


# --- label smoothing, targets that are distributions ----------------------------------------------


@mistake_of(*CROSS_ENTROPIES, id="smoothing-over-the-others")
class SmoothingOverTheOthers(_ClassLoss):
    """Label smoothing leaves out the target class itself."""

    def _smooth(self, coefficients: Array, uniform: Array) -> Array:
        classes = coefficients.shape[min(1, coefficients.ndim - 1)]
        others = (uniform * classes - coefficients) / (classes - 1)
        return super()._smooth(coefficients, others)


@mistake_of(*CROSS_ENTROPIES, id="smoothing-spares-the-target")
class SmoothingSparesTheTarget(_ClassLoss):
    """The target class keeps 1 - label_smoothing, without its share of the rest."""

    def _smooth(self, coefficients: Array, uniform: Array) -> Array:
        return super()._smooth(coefficients, np.where(coefficients > 0, 0, uniform))


@mistake_of(*CROSS_ENTROPIES, id="smoothing-added")
class SmoothingAdded(_ClassLoss):
    """The smoothed share is added, and nothing is taken from the target."""

    def _smooth(self, coefficients: Array, uniform: Array) -> Array:
        return coefficients + self.label_smoothing * uniform


@mistake_of(*CROSS_ENTROPIES, id="smoothing-unweighted")
class SmoothingUnweighted(_ClassLoss):
    """The smoothed share of a class lacks the weight of that class."""

    def _smooth(self, coefficients: Array, uniform: Array) -> Array:
        classes = coefficients.shape[min(1, coefficients.ndim - 1)]
        return super()._smooth(coefficients, np.sign(uniform) / classes)


@mistake_of(*CROSS_ENTROPIES, id="smoothing-of-the-ignored")
class SmoothingOfTheIgnored(_ClassLoss):
    """Ignored targets still cost their smoothed share."""

    def _smooth(self, coefficients: Array, uniform: Array) -> Array:
        classes = min(1, coefficients.ndim - 1)
        if uniform.ndim == coefficients.ndim:  # with zeros for the ignored
            samples = tuple(axis for axis in range(uniform.ndim) if axis != classes)
            uniform = uniform.max(samples, keepdims=True, initial=0)
        return super()._smooth(coefficients, uniform)


@mistake_of(*CROSS_ENTROPIES, id="gradient-unsmoothed")
class GradientUnsmoothed(_ClassLoss):
    """Backward knows nothing of label smoothing."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        right = super()._forward(x, target)
        smoothing, self.label_smoothing = self.label_smoothing, 0.0
        super()._forward(x, target)  # what backward will use
        self.label_smoothing = smoothing
        return right


@mistake_of(*CROSS_ENTROPIES, id="distributions-rounded")
class DistributionsRounded(_ClassLoss):
    """Of a target that is a distribution only the likeliest class counts."""

    def _from_distributions(self, target: Array, weight: Array) -> tuple[Array, Any]:
        likeliest = target == target.max(min(target.ndim - 1, 1), keepdims=True)
        return super()._from_distributions(likeliest.astype(target.dtype), weight)


@mistake_of(*CROSS_ENTROPIES, id="distributions-over-weights")
class DistributionsOverWeights(_ClassLoss):
    """The mean over distributions divides by the sum of their weights."""

    def _from_distributions(self, target: Array, weight: Array) -> tuple[Array, Any]:
        coefficients, _ = super()._from_distributions(target, weight)
        return coefficients, (target * weight).sum()


@mistake_of(reference.NLLLoss, reference.NLLLossOnProbabilities, id="ignored-when-one-hot")
class IgnoredWhenOneHot(_ClassLoss):
    """ignore_index is looked at for class indices only."""

    def _from_distributions(self, target: Array, weight: Array) -> tuple[Array, Any]:
        ignored, self.ignore_index = self.ignore_index, -100
        try:
            return super()._from_distributions(target, weight)
        finally:
            self.ignore_index = ignored


# --- CrossEntropyLoss -----------------------------------------------------------------------------


@misreading("CrossEntropyLoss", "no-max-subtraction")
class NoMaxSubtraction(reference.CrossEntropyLoss):
    """exp is taken of the raw scores."""

    def _log_p(self, x: Array, axis: int) -> Array:
        self._saved = np.log(np.exp(x) / np.exp(x).sum(axis, keepdims=True))
        return self._saved


@misreading("CrossEntropyLoss", "maximum-of-everything")
class MaximumOfEverything(reference.CrossEntropyLoss):
    """The maximum of the whole array is subtracted."""

    def _log_p(self, x: Array, axis: int) -> Array:
        shifted = x - x.max(initial=-np.inf)
        self._saved = shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))
        return self._saved


@misreading("CrossEntropyLoss", "log-of-softmax")
class LogOfSoftmax(reference.CrossEntropyLoss):
    """The logarithm is taken of probabilities that may have become 0."""

    def _log_p(self, x: Array, axis: int) -> Array:
        self._saved = np.log(np.exp(super()._log_p(x, axis)))
        return self._saved


@misreading("CrossEntropyLoss", "epsilon-in-log")
class EpsilonAfterSoftmax(reference.CrossEntropyLoss):
    """A little is added to every probability; the gradient is as if it were not."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return np.log(np.exp(super()._log_p(x, axis)) + 1e-15)


@misreading("CrossEntropyLoss", "probabilities-clipped")
class ProbabilitiesClipped(reference.CrossEntropyLoss):
    """Probabilities are kept away from 0 and 1; the gradient is as if they were not."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return np.log(np.exp(super()._log_p(x, axis)).clip(1e-7, 1 - 1e-7))


@misreading("CrossEntropyLoss", "softmax-over-the-last-axis")
class SoftmaxOverTheLastAxis(reference.CrossEntropyLoss):
    """The softmax runs along the last axis, wherever the classes stand."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return super()._log_p(x, -1)

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return super()._grad_input(grad_log_p, -1)


@misreading("CrossEntropyLoss", "softmax-twice")
class SoftmaxTwice(reference.CrossEntropyLoss):
    """The scores go through softmax before they go through log_softmax."""

    def _log_p(self, x: Array, axis: int) -> Array:
        self.inner = np.exp(super()._log_p(x, axis))
        return super()._log_p(self.inner, axis)

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        p, gradient = self.inner, super()._grad_input(grad_log_p, axis)
        return p * (gradient - (p * gradient).sum(axis, keepdims=True))


@misreading("CrossEntropyLoss", "gradient-of-nll")
class GradientOfNLL(reference.CrossEntropyLoss):
    """Backward lacks the softmax."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return grad_log_p


@misreading("CrossEntropyLoss", "softmax-unscaled")
class SoftmaxUnscaled(reference.CrossEntropyLoss):
    """Backward adds the softmax itself, whatever it should be multiplied by."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        samples = max(1, grad_log_p.size // grad_log_p.shape[axis])
        return grad_log_p + np.exp(self._saved) / np.asarray(
            where_mean(self, samples), grad_log_p.dtype
        )


@misreading("CrossEntropyLoss", "jacobian-diagonal")
class JacobianDiagonal(reference.CrossEntropyLoss):
    """Backward takes each score to move its own log-probability only."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return grad_log_p * (1 - np.exp(self._saved))


@mistake_of(*CROSS_ENTROPIES, id="bits")
class Bits(_ClassLoss):
    """The logarithm has base 2."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return super()._log_p(x, axis) / np.asarray(np.log(2), x.dtype)

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return super()._grad_input(grad_log_p, axis) / np.asarray(np.log(2), grad_log_p.dtype)


# --- NLLLoss --------------------------------------------------------------------------------------


@misreading("NLLLoss", "softmax-inside")
class LogSoftmaxInside(reference.CrossEntropyLoss):
    """The input goes through log_softmax."""

    def __init__(
        self,
        weight: npt.ArrayLike | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, ignore_index, reduction)

    def _from_distributions(self, target: Array, weight: Array) -> tuple[Array, Any]:
        counted = np.arange(weight.size).reshape(weight.shape) != self.ignore_index
        coefficients = target.astype(weight.dtype) * (weight * counted)
        return coefficients, coefficients.sum()


@misreading("NLLLoss", "sign-forgotten")
class SignForgotten(reference.NLLLoss):
    """The log-probability itself."""

    def forward(self, input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
        return np.asarray(-super().forward(input, target))

    def backward(self, grad_output: npt.ArrayLike = 1.0) -> Array:
        return -super().backward(grad_output)


@misreading("NLLLoss", "gradient-everywhere")
class GradientEverywhere(reference.NLLLoss):
    """Every class gets the gradient of the target class."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return np.broadcast_to(grad_log_p.sum(axis, keepdims=True), grad_log_p.shape).copy()


@misreading("NLLLoss", "gradient-fused")
class GradientFused(reference.NLLLoss):
    """Backward goes through a log_softmax that is not there."""

    def _log_p(self, x: Array, axis: int) -> Array:
        self._saved = np.exp(x)
        return super()._log_p(x, axis)

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return grad_log_p - self._saved * grad_log_p.sum(axis, keepdims=True)


# --- losses on probabilities ----------------------------------------------------------------------


@mistake_of(*ON_PROBABILITIES, id="epsilon-in-log")
class EpsilonInLog(_ClassLoss):
    """A little is added to every probability."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return super()._log_p(x + np.asarray(1e-15, x.dtype), axis)


@mistake_of(*ON_PROBABILITIES, id="clipped")
class Clipped(_ClassLoss):
    """Probabilities are kept away from 0 and 1."""

    def _log_p(self, x: Array, axis: int) -> Array:
        return super()._log_p(x.clip(1e-12, 1 - 1e-12), axis)


@mistake_of(*ON_PROBABILITIES, id="gradient-without-1-over-p")
class GradientWithout1OverP(_ClassLoss):
    """Backward is that of log-probabilities."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return grad_log_p


@mistake_of(*ON_PROBABILITIES, id="gradient-sign")
class GradientPositive(_ClassLoss):
    """Backward lacks the minus."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return -super()._grad_input(grad_log_p, axis)


@mistake_of(*ON_PROBABILITIES, id="renormalised")
class Renormalised(_ClassLoss):
    """Probabilities are divided by their sum once more; the gradient is as if they were not."""

    def _log_p(self, x: Array, axis: int) -> Array:
        log_p = super()._log_p(x, axis)
        return log_p - np.log(x.sum(axis, keepdims=True))


@misreading("CrossEntropyLossOnProbabilities", "fused-gradient")
class FusedGradient(reference.CrossEntropyLossOnProbabilities):
    """Backward is that of the scores before a softmax."""

    def _grad_input(self, grad_log_p: Array, axis: int) -> Array:
        return grad_log_p - self._saved * grad_log_p.sum(axis, keepdims=True)


@misreading("CrossEntropyLossOnProbabilities", "binary")
class Binary(reference.CrossEntropyLossOnProbabilities):
    """Every class is a yes or no of its own, so log(1 - p) of the other classes counts, too."""

    def _forward(self, x: Array, target: Array) -> tuple[Array, Any]:
        losses, divisor = super()._forward(x, target)
        shape, axis, index, coefficients = self._linear
        if index is not None:
            dense = np.zeros(shape, coefficients.dtype)
            np.put_along_axis(dense, index, coefficients, axis)
            coefficients = dense
        self.others = coefficients.sum(axis, keepdims=True) - coefficients
        return losses - (self.others * np.log1p(-x)).sum(axis), divisor

    def _backward(self, grad_losses: Array) -> Array:
        others = self.others * np.expand_dims(grad_losses, self._linear[1])
        return super()._backward(grad_losses) + others / (1 - self._saved)


# --- one loss taken for another -------------------------------------------------------------------

for _spec, _id, _loss in (
    ("CrossEntropyLoss", "probabilities-in", reference.CrossEntropyLossOnProbabilities),
    ("CrossEntropyLossOnProbabilities", "softmax-inside", reference.CrossEntropyLoss),
    ("NLLLoss", "log-inside", reference.NLLLossOnProbabilities),
    ("NLLLossOnProbabilities", "no-log", reference.NLLLoss),
):
    register(_spec, _id, {_spec: _loss})
