"""Batch normalization and channelwise scaling misread."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from conformance.misreadings.catalogue import misreading, mistake_of
from conformance.misreadings.parameters import Misshapen
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array
from reference_impls.numpy_reference.normalization import _BatchNorm, _flat, _PerChannel

# --- batch normalization --------------------------------------------------------------------------


class BatchNormInPieces(_BatchNorm):
    """Batch normalization in pieces, each of which can go wrong.

    Inside, x is (N, C, P) with all positions in the last axis, and statistics are averages over
    `axes` of it.
    """

    axes: tuple[int, ...] = (0, 2)
    needs_two: ClassVar[bool] = True

    def _forward(self, x: Array) -> Array:
        self._check(x)
        flat = _flat(x)
        count = flat[:, 0].size
        by_batch = self._by_batch()
        if self.needs_two and count == 1 and (self.training or self.running_mean is None):
            raise ValueError(f"{self._name}: more than 1 value per channel is needed in training")
        mean, variance = self._statistics(flat)
        self._track(mean.mean((0, 2)), variance.mean((0, 2)), count)
        if not by_batch:
            mean, variance = self._running(x.dtype)
        weight, bias = self._scale_and_shift(x.dtype)
        inverse_std = self._inverse_std(variance, count if by_batch else None)
        normalized = (flat - mean) * inverse_std
        self._saved = normalized, inverse_std, weight, by_batch
        return (normalized * weight[:, None] + bias[:, None]).reshape(x.shape)

    def _by_batch(self) -> bool:
        """Whether the batch's statistics normalize, not the running ones."""
        return self.training or self.running_mean is None

    def _statistics(self, flat: Array) -> tuple[Array, Array]:
        mean = flat.mean(self.axes, np.float64, keepdims=True).astype(flat.dtype)
        return mean, np.square(flat - mean).mean(self.axes, keepdims=True)

    def _running(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """Return the running statistics, or what they start from where there are none."""
        mean = np.zeros(self.num_features) if self.running_mean is None else self.running_mean
        variance = np.ones(self.num_features) if self.running_var is None else self.running_var
        return mean.astype(dtype)[:, None], variance.astype(dtype)[:, None]

    def _inverse_std(self, variance: Array, count: int | None) -> Array:
        return 1 / np.sqrt(variance + self.eps)

    def _backward(self, grad_output: Array) -> Array:
        normalized, inverse_std, weight, by_batch = self._saved
        dy = _flat(grad_output)
        self._accumulate(weight=self._reduced(dy * normalized), bias=self._reduced(dy))
        dx = dy * self._backward_weight(weight)[:, None]
        if self._backward_by_batch(by_batch):
            dx = dx - self._through_mean(dx) - normalized * self._through_variance(dx * normalized)
        return (dx * inverse_std).reshape(grad_output.shape)

    def _reduced(self, values: Array) -> Array:
        return values.sum((0, 2))

    def _backward_weight(self, weight: Array) -> Array:
        return weight

    def _backward_by_batch(self, by_batch: bool) -> bool:
        return by_batch

    def _through_mean(self, values: Array) -> Array:
        return values.mean(self.axes, keepdims=True)

    def _through_variance(self, values: Array) -> Array:
        return values.mean(self.axes, keepdims=True)


BOTH = (reference.BatchNorm1d, reference.BatchNorm2d)


@mistake_of(*BOTH, id="unbiased-variance")
class UnbiasedVariance(BatchNormInPieces):
    """The batch is normalized by its unbiased variance."""

    def _inverse_std(self, variance: Array, count: int | None) -> Array:
        factor = 1.0 if count is None else count / (count - 1)
        return super()._inverse_std(variance * factor, count)


@mistake_of(*BOTH, id="eps-outside-the-root")
class EpsOutsideTheRoot(BatchNormInPieces):
    """sqrt(var) + eps."""

    def _inverse_std(self, variance: Array, count: int | None) -> Array:
        return 1 / (np.sqrt(variance) + self.eps)


@mistake_of(*BOTH, id="eps-missing")
class EpsMissing(BatchNormInPieces):
    """sqrt(var)."""

    def _inverse_std(self, variance: Array, count: int | None) -> Array:
        return 1 / np.sqrt(variance)


@mistake_of(*BOTH, id="squared-instead-of-rooted")
class SquaredInsteadOfRooted(BatchNormInPieces):
    """(var + eps) ** 2."""

    def _inverse_std(self, variance: Array, count: int | None) -> Array:
        return 1 / (variance + self.eps) ** 2


@mistake_of(*BOTH, id="one-pass-variance")
class OnePassVariance(BatchNormInPieces):
    """The mean of squares minus the square of the mean."""

    def _statistics(self, flat: Array) -> tuple[Array, Array]:
        mean, _ = super()._statistics(flat)
        return mean, np.square(flat).mean(self.axes, keepdims=True) - mean**2


@mistake_of(*BOTH, id="statistics-over-the-batch-only")
class StatisticsOverTheBatchOnly(BatchNormInPieces):
    """Each position has statistics of its own."""

    axes = (0,)


@mistake_of(*BOTH, id="statistics-per-sample")
class StatisticsPerSample(BatchNormInPieces):
    """Each sample has statistics of its own, as in instance normalization."""

    def _statistics(self, flat: Array) -> tuple[Array, Array]:
        self.axes = (2,) if flat.shape[2] > 1 else (0, 2)
        return super()._statistics(flat)


@mistake_of(*BOTH, id="statistics-over-the-features")
class StatisticsOverTheFeatures(BatchNormInPieces):
    """Each sample is normalized over its features, as in layer normalization."""

    axes = (1, 2)


@mistake_of(*BOTH, id="batch-statistics-in-eval")
class BatchStatisticsInEval(BatchNormInPieces):
    """Evaluation normalizes by the batch's statistics."""

    def _by_batch(self) -> bool:
        return True


@mistake_of(*BOTH, id="running-statistics-in-train")
class RunningStatisticsInTrain(BatchNormInPieces):
    """Training normalizes by the running statistics."""

    def _by_batch(self) -> bool:
        return self.running_mean is None


@mistake_of(*BOTH, id="track-running-stats-ignored")
class TrackRunningStatsIgnored(BatchNormInPieces):
    """Evaluation uses running statistics even where none are tracked."""

    def _by_batch(self) -> bool:
        return self.training


@mistake_of(*BOTH, id="single-value-accepted")
class SingleValueAccepted(BatchNormInPieces):
    """Training on one value per channel gives the bias."""

    needs_two = False

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        if count > 1:
            super()._track(mean, variance, count)


@mistake_of(*BOTH, id="paths-through-the-statistics-missing")
class PathsThroughTheStatisticsMissing(BatchNormInPieces):
    """Backward takes mean and variance for constants."""

    def _backward_by_batch(self, by_batch: bool) -> bool:
        return False


@mistake_of(*BOTH, id="path-through-the-mean-missing")
class PathThroughTheMeanMissing(BatchNormInPieces):
    """Backward takes the mean for a constant."""

    def _through_mean(self, values: Array) -> Array:
        return np.zeros_like(values)


@mistake_of(*BOTH, id="path-through-the-variance-missing")
class PathThroughTheVarianceMissing(BatchNormInPieces):
    """Backward takes the variance for a constant."""

    def _through_variance(self, values: Array) -> Array:
        return np.zeros_like(values)


@mistake_of(*BOTH, id="averaged-over-the-batch-only")
class AveragedOverTheBatchOnly(BatchNormInPieces):
    """The averages in backward are divided by the batch size alone."""

    def _through_mean(self, values: Array) -> Array:
        return super()._through_mean(values) * values.shape[2]

    def _through_variance(self, values: Array) -> Array:
        return super()._through_variance(values) * values.shape[2]


@mistake_of(*BOTH, id="eval-backward-as-in-train")
class EvalBackwardAsInTrain(BatchNormInPieces):
    """Backward always goes through the batch's statistics."""

    def _backward_by_batch(self, by_batch: bool) -> bool:
        return True


@mistake_of(*BOTH, id="mode-of-backward")
class ModeOfBackward(BatchNormInPieces):
    """Backward goes through the batch's statistics if the mode is train by then."""

    def _backward_by_batch(self, by_batch: bool) -> bool:
        return self._by_batch()


@mistake_of(*BOTH, id="weight-missing-in-backward")
class WeightMissingInBackward(BatchNormInPieces):
    """The gradient of the input is not multiplied by weight."""

    def _backward_weight(self, weight: Array) -> Array:
        return np.ones_like(weight)


@mistake_of(*BOTH, id="weight-gradient-of-the-input")
class WeightGradientOfTheInput(_BatchNorm):
    """grad_weight sums over the input instead of the normalized input."""

    def _forward(self, x: Array) -> Array:
        self._x = x.copy()
        return super()._forward(x)

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        difference = _flat(self._x) - self._saved[0]
        self._accumulate(weight=(_flat(grad_output) * difference).sum((0, 2)))
        return grad_input


@mistake_of(*BOTH, id="parameter-gradients-mean")
class ParameterGradientsMean(_BatchNorm):
    """The gradients of weight and bias are divided by the number of values."""

    def _accumulate(self, **gradients: Array) -> None:
        count = max(1, self._saved[0][:, 0].size)
        super()._accumulate(**{name: value / count for name, value in gradients.items()})


@mistake_of(*BOTH, id="biased-running-var")
class BiasedRunningVar(_BatchNorm):
    """running_var takes the biased (1/n) batch variance."""

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        super()._track(mean, variance * (count - 1) / max(1, count), count)


@mistake_of(*BOTH, id="momentum-as-decay")
class MomentumAsDecay(_BatchNorm):
    """momentum is the share of the old running statistics."""

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        given = self.momentum
        self.momentum = None if given is None else 1 - given
        super()._track(mean, variance, count)
        self.momentum = given


@mistake_of(*BOTH, id="cumulative-average-ignored")
class CumulativeAverageIgnored(_BatchNorm):
    """momentum=None means 0.1."""

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        self.momentum = 0.1 if self.momentum is None else self.momentum
        super()._track(mean, variance, count)


@mistake_of(*BOTH, id="eval-counted")
class EvalCounted(_BatchNorm):
    """A forward in evaluation counts as a batch."""

    def _forward(self, x: Array) -> Array:
        if not self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        return super()._forward(x)


@mistake_of(*BOTH, id="running-statistics-never-updated")
class RunningStatisticsNeverUpdated(_BatchNorm):
    """The running statistics stay as they started."""

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        pass


@mistake_of(*BOTH, id="running-statistics-updated-in-eval")
class RunningStatisticsUpdatedInEval(BatchNormInPieces):
    """Evaluation updates the running statistics, too."""

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        mode, self.training = self.training, count > 1
        super()._track(mean, variance, count)
        self.training = mode


@mistake_of(*BOTH, id="running-statistics-updated-in-backward")
class RunningStatisticsUpdatedInBackward(_BatchNorm):
    """Backward updates the running statistics once more."""

    _tracked: tuple[Array, Array, int] | None = None

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        self._tracked = mean, variance, count
        super()._track(mean, variance, count)

    def _backward(self, grad_output: Array) -> Array:
        if self._tracked is not None:
            super()._track(*self._tracked)
        return super()._backward(grad_output)


@mistake_of(*BOTH, id="running-var-starts-at-zero")
class RunningVarStartsAtZero(_BatchNorm):
    """running_var starts as zeros."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.running_var is not None:
            self.running_var[...] = 0


@misreading("BatchNorm1d", "buffers-not-pickled")
class BuffersNotPickled(reference.BatchNorm1d):
    """Pickles and copies hold what is learned, not the running statistics."""

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), **dict.fromkeys(self.buffers())}


# --- everything that has a channel axis -----------------------------------------------------------


@mistake_of(*BOTH, reference.ChannelwiseScaling, id="any-rank")
class AnyRank(_PerChannel):
    """The rank of the input is not checked."""

    layouts = dict.fromkeys(range(2, 8), "(N, C, ...)")


@mistake_of(*BOTH, id="gradients-not-reduced")
class GradientsNotReduced(Misshapen, BatchNormInPieces):
    """The gradients of weight and bias are summed over the batch only."""

    def _reduced(self, values: Array) -> Array:
        return _over_the_batch(values)


# --- ChannelwiseScaling ---------------------------------------------------------------------------


@misreading("ChannelwiseScaling", "gradients-not-reduced")
class ScalingGradientsNotReduced(Misshapen, reference.ChannelwiseScaling):
    """The gradients of weight and bias are summed over the batch only."""

    def _backward(self, grad_output: Array) -> Array:
        x, weight = self._saved
        dy = _flat(grad_output)
        self._accumulate(weight=_over_the_batch(dy * x), bias=_over_the_batch(dy))
        return (dy * weight[:, None]).reshape(grad_output.shape)


def _over_the_batch(values: Array) -> Array:
    summed: Array = values.sum(0)
    return summed[:, 0] if summed.shape[1] == 1 else summed


@misreading("ChannelwiseScaling", "always-four-axes")
class AlwaysFourAxes(reference.ChannelwiseScaling):
    """weight and bias have the shape (1, C, 1, 1) for every input."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)  # for its errors
        weight, bias = (v.reshape(1, -1, 1, 1) for v in self._scale_and_shift(x.dtype))
        return weight * x + bias


@misreading("ChannelwiseScaling", "one-added-to-weight")
class OneAddedToWeight(reference.ChannelwiseScaling):
    """Scales by 1 + weight."""

    def _scale_and_shift(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        weight, bias = super()._scale_and_shift(dtype)
        return 1 + weight, bias


@misreading("ChannelwiseScaling", "along-the-axis-that-fits")
class AlongTheAxisThatFits(reference.ChannelwiseScaling):
    """The channels are looked for: the first axis that has their number."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)  # for its errors
        axis = x.shape.index(self.num_features)
        shape = [-1] + [1] * (x.ndim - 1 - axis)
        weight, bias = (v.reshape(shape) for v in self._scale_and_shift(x.dtype))
        return weight * x + bias


@misreading("ChannelwiseScaling", "weight-missing-in-backward")
class ScalingWeightMissingInBackward(reference.ChannelwiseScaling):
    """The gradient of the input is the cotangent."""

    def _backward(self, grad_output: Array) -> Array:
        super()._backward(grad_output)
        return grad_output.copy()


@misreading("ChannelwiseScaling", "shifted-first")
class ShiftedFirst(reference.ChannelwiseScaling):
    """weight * (x + bias)."""

    def _forward(self, x: Array) -> Array:
        self._check(x)
        weight, bias = self._scale_and_shift(x.dtype)
        shifted = _flat(x) + bias[:, None]
        self._saved = shifted, weight
        return (shifted * weight[:, None]).reshape(x.shape)

    def _accumulate(self, **gradients: Array) -> None:
        gradients["bias"] = gradients["bias"] * self._saved[1]
        super()._accumulate(**gradients)
