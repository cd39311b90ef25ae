"""Linear misread."""

from __future__ import annotations

import math

import numpy as np

from conformance.misreadings.catalogue import misreading
from conformance.misreadings.parameters import Misshapen
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array


class LinearInPieces(Misshapen, reference.Linear):
    """Linear with its parameter gradients in pieces."""

    def _backward(self, grad_output: Array) -> Array:
        x, weight = self._saved
        self._accumulate(
            weight=self._weight_gradient(grad_output, x), bias=self._bias_gradient(grad_output)
        )
        return grad_output @ weight

    def _weight_gradient(self, grad_output: Array, x: Array) -> Array:
        leading = _leading(x)
        return np.tensordot(grad_output, x, (leading, leading))

    def _bias_gradient(self, grad_output: Array) -> Array:
        return np.asarray(grad_output.sum(_leading(grad_output)))


def _leading(array: Array) -> tuple[int, ...]:
    return tuple(range(array.ndim - 1))


def _rows(array: Array) -> int:
    return max(1, math.prod(array.shape[:-1]))


@misreading("Linear", "weight-gradient-mean")
class WeightGradientMean(LinearInPieces):
    """grad_weight is divided by the batch size."""

    def _weight_gradient(self, grad_output: Array, x: Array) -> Array:
        return super()._weight_gradient(grad_output, x) / _rows(x)


@misreading("Linear", "bias-gradient-mean")
class BiasGradientMean(LinearInPieces):
    """grad_bias is divided by the batch size."""

    def _bias_gradient(self, grad_output: Array) -> Array:
        return super()._bias_gradient(grad_output) / _rows(grad_output)


@misreading("Linear", "input-gradient-mean")
class InputGradientMean(reference.Linear):
    """The input's gradient is divided by the batch size."""

    def _backward(self, grad_output: Array) -> Array:
        return super()._backward(grad_output) / _rows(grad_output)


@misreading("Linear", "bias-gradient-not-summed")
class BiasGradientNotSummed(LinearInPieces):
    """grad_bias is the gradient of the output."""

    def _bias_gradient(self, grad_output: Array) -> Array:
        return grad_output.copy()


@misreading("Linear", "bias-gradient-over-the-first-axis")
class BiasGradientOverTheFirstAxis(LinearInPieces):
    """grad_bias is summed over the first axis only."""

    def _bias_gradient(self, grad_output: Array) -> Array:
        return np.asarray(grad_output.sum(0) if grad_output.ndim > 1 else grad_output)


@misreading("Linear", "weight-gradient-transposed")
class WeightGradientTransposed(LinearInPieces):
    """grad_weight has the shape (in_features, out_features)."""

    def _weight_gradient(self, grad_output: Array, x: Array) -> Array:
        return super()._weight_gradient(grad_output, x).T


@misreading("Linear", "weight-gradient-reshaped")
class WeightGradientReshaped(LinearInPieces):
    """grad_weight is brought from (in, out) to (out, in) by a reshape."""

    def _weight_gradient(self, grad_output: Array, x: Array) -> Array:
        return super()._weight_gradient(grad_output, x).T.reshape(self.weight.shape)


@misreading("Linear", "outer-of-sums")
class OuterOfSums(LinearInPieces):
    """grad_weight is the outer product of two sums over the batch."""

    def _weight_gradient(self, grad_output: Array, x: Array) -> Array:
        return np.outer(grad_output.sum(_leading(x)), x.sum(_leading(x)))


@misreading("Linear", "weight-of-backward")
class WeightOfBackward(reference.Linear):
    """Backward multiplies by the weight as it is by then."""

    def _backward(self, grad_output: Array) -> Array:
        x, _ = self._saved
        self._saved = x, self.weight.astype(x.dtype)
        return super()._backward(grad_output)


@misreading("Linear", "input-gradient-accumulates")
class InputGradientAccumulates(reference.Linear):
    """The input's gradient is added to that of the backward before."""

    _total: Array | None = None

    def _forward(self, x: Array) -> Array:
        self._total = None
        return super()._forward(x)

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        self._total = grad_input if self._total is None else self._total + grad_input
        return self._total.copy()


@misreading("Linear", "gradients-after-backward")
class GradientsAfterBackward(reference.Linear):
    """There are no gradients before the first backward, and zero_grad raises."""

    def _set_parameters(self, **parameters: Array | None) -> None:
        super()._set_parameters(**parameters)
        for name in parameters:
            delattr(self, f"grad_{name}")

    def _accumulate(self, **gradients: Array) -> None:
        for name in gradients:
            if not hasattr(self, f"grad_{name}"):
                value = getattr(self, name)
                setattr(self, f"grad_{name}", None if value is None else np.zeros_like(value))
        super()._accumulate(**gradients)


@misreading("Linear", "output-squeezed")
class OutputSqueezed(reference.Linear):
    """Axes of size 1 are dropped from the output."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(x).squeeze()


@misreading("Linear", "leading-axes-joined")
class LeadingAxesJoined(reference.Linear):
    """The output always has the shape (rows, out_features)."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return y.reshape(_rows(y), self.out_features) if y.ndim > 2 else y


@misreading("Linear", "unbatched-output-batched")
class UnbatchedOutputBatched(reference.Linear):
    """A single row comes out as a batch of one."""

    def _forward(self, x: Array) -> Array:
        return np.atleast_2d(super()._forward(x))


@misreading("Linear", "extra-features-ignored")
class ExtraFeaturesIgnored(reference.Linear):
    """Features beyond in_features are left out of the sum."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(x[..., : self.in_features])
