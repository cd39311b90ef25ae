"""Softmax and LogSoftmax misread."""

from __future__ import annotations

import numpy as np

from conformance.misreadings.catalogue import misreading, mistake_of
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array
from reference_impls.numpy_reference.softmax import _AlongDim

# --- both -----------------------------------------------------------------------------------------


@mistake_of(reference.Softmax, reference.LogSoftmax, id="last-axis-hard-coded")
class LastAxisHardCoded(_AlongDim):
    """dim is ignored."""

    def _axis(self, x: Array) -> int:
        super()._axis(x)  # for its errors
        return x.ndim - 1


@mistake_of(reference.Softmax, reference.LogSoftmax, id="backward-along-the-last-axis")
class BackwardAlongTheLastAxis(_AlongDim):
    """Backward sums over the last axis whatever dim is."""

    def _backward(self, grad_output: Array) -> Array:
        self._saved = -1, self._saved[1]
        return super()._backward(grad_output)


@mistake_of(reference.Softmax, reference.LogSoftmax, id="backward-sums-everything")
class BackwardSumsEverything(_AlongDim):
    """The sum in backward goes over all axes."""

    def _backward(self, grad_output: Array) -> Array:
        self._saved = 0, self._saved[1].ravel()
        return super()._backward(grad_output.ravel()).reshape(grad_output.shape)


@mistake_of(reference.Softmax, reference.LogSoftmax, id="axis-wraps-around")
class AxisWrapsAround(_AlongDim):
    """An axis that the input does not have is counted on from the first."""

    def _axis(self, x: Array) -> int:
        return 1 % x.ndim if self.dim is None else self.dim % x.ndim


# --- Softmax --------------------------------------------------------------------------------------


@misreading("Softmax", "no-max-subtraction")
class NoMaxSubtraction(reference.Softmax):
    """exp is taken of the raw scores."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        y = np.exp(x) / np.exp(x).sum(axis, keepdims=True)
        self._saved = axis, y.copy()
        return y


@misreading("Softmax", "maximum-of-everything")
class MaximumOfEverything(reference.Softmax):
    """The maximum of the whole array is subtracted."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        e = np.exp(x - x.max(initial=-np.inf))
        y = e / e.sum(axis, keepdims=True)
        self._saved = axis, y.copy()
        return y


@misreading("Softmax", "sum-of-everything")
class SumOfEverything(reference.Softmax):
    """The probabilities of the whole array sum to one."""

    def _forward(self, x: Array) -> Array:
        self._axis(x)  # for its errors
        e = np.exp(x - x.max(initial=-np.inf))
        y = e / e.sum()
        self._saved = 0, y.ravel().copy()
        return y

    def _backward(self, grad_output: Array) -> Array:
        return super()._backward(grad_output.ravel()).reshape(grad_output.shape)


@misreading("Softmax", "epsilon-in-the-denominator")
class EpsilonInTheDenominator(reference.Softmax):
    """exp(x) / (sum + 1e-8)."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
        y = e / (e.sum(axis, keepdims=True) + 1e-8)
        self._saved = axis, y.copy()
        return y


@misreading("Softmax", "nan-replaced")
class NanReplaced(reference.Softmax):
    """np.nan_to_num hides what is not a number."""

    def _forward(self, x: Array) -> Array:
        return np.nan_to_num(super()._forward(x))


@misreading("Softmax", "diagonal-only")
class DiagonalOnly(reference.Softmax):
    """Backward multiplies by y * (1 - y), as for the sigmoid."""

    def _backward(self, grad_output: Array) -> Array:
        _, y = self._saved
        return grad_output * y * (1 - y)


@misreading("Softmax", "times-output-only")
class TimesOutputOnly(reference.Softmax):
    """Backward multiplies by y."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * self._saved[1]


# --- LogSoftmax -----------------------------------------------------------------------------------


@misreading("LogSoftmax", "log-of-softmax")
class LogOfSoftmax(reference.LogSoftmax):
    """The logarithm of exp(x) / sum(exp(x))."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        y = np.log(np.exp(x) / np.exp(x).sum(axis, keepdims=True))
        self._saved = axis, y.copy()
        return y


@misreading("LogSoftmax", "epsilon-in-the-log")
class EpsilonInTheLog(reference.LogSoftmax):
    """log(softmax(x) + 1e-12)."""

    def _forward(self, x: Array) -> Array:
        y = np.exp(super()._forward(x))
        return np.log(y + x.dtype.type(1e-12))


@misreading("LogSoftmax", "maximum-of-everything")
class LogMaximumOfEverything(reference.LogSoftmax):
    """The maximum of the whole array is subtracted."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        shifted = x - x.max(initial=-np.inf)
        y = shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))
        self._saved = axis, y.copy()
        return y


@misreading("LogSoftmax", "maximum-not-added-back")
class MaximumNotAddedBack(reference.LogSoftmax):
    """The maximum is subtracted inside the logarithm only."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return y + x.max(self._axis(x), keepdims=True, initial=-np.inf)


@misreading("LogSoftmax", "infinity-replaced")
class InfinityReplaced(reference.LogSoftmax):
    """np.nan_to_num puts a large number in the place of -inf."""

    def _forward(self, x: Array) -> Array:
        return np.nan_to_num(super()._forward(x))


@misreading("LogSoftmax", "backward-of-softmax")
class BackwardOfSoftmax(reference.LogSoftmax):
    """Backward is that of Softmax."""

    def _backward(self, grad_output: Array) -> Array:
        axis, y = self._saved
        weighted = grad_output * np.exp(y)
        return weighted - np.exp(y) * weighted.sum(axis, keepdims=True)


@misreading("LogSoftmax", "cotangent-sums-to-one")
class CotangentSumsToOne(reference.LogSoftmax):
    """Backward subtracts the probabilities, as if the cotangent summed to one."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output - np.exp(self._saved[1])


@misreading("LogSoftmax", "diagonal-only")
class LogDiagonalOnly(reference.LogSoftmax):
    """Backward multiplies by 1 - softmax(x), the diagonal of the Jacobian."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * (1 - np.exp(self._saved[1]))
