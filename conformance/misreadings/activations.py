"""Activation functions misread."""

from __future__ import annotations

import numpy as np

from conformance.misreadings.catalogue import misreading, mistake_of
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array

# --- several of them ------------------------------------------------------------------------------


@mistake_of(
    reference.ReLU,
    reference.Sigmoid,
    reference.Tanh,
    reference.Softmax,
    reference.LogSoftmax,
    id="straight-through",
)
class StraightThrough(reference.Module):
    """Backward returns the cotangent."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.copy()


@mistake_of(
    reference.ReLU,
    reference.LeakyReLU,
    reference.ELU,
    reference.Softplus,
    reference.Sigmoid,
    reference.Tanh,
    id="chain-rule-missing",
)
class ChainRuleMissing(reference.Module):
    """Backward returns the derivative, not multiplied by the cotangent."""

    def _backward(self, grad_output: Array) -> Array:
        return super()._backward(np.ones_like(grad_output))


# --- ReLU -----------------------------------------------------------------------------------------


@misreading("ReLU", "input-clobbered")
class InputClobbered(reference.ReLU):
    """Forward writes into its input."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        np.maximum(x, 0, out=x)
        return y


@misreading("ReLU", "cotangent-clobbered")
class CotangentClobbered(reference.ReLU):
    """Backward sets elements of the cotangent to zero."""

    def _backward(self, grad_output: Array) -> Array:
        grad_output[~self._saved] = 0
        return grad_output.copy()


@misreading("ReLU", "derivative-one-at-zero")
class ReLUDerivativeOneAtZero(reference.ReLU):
    """The derivative at 0 is 1."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        self._saved = ~(x < 0)
        return y


@misreading("ReLU", "masked-by-the-cotangent")
class MaskedByTheCotangent(reference.ReLU):
    """Backward is max(grad_output, 0)."""

    def _backward(self, grad_output: Array) -> Array:
        return np.maximum(grad_output, 0)


@misreading("ReLU", "nan-swallowed")
class NanSwallowed(reference.ReLU):
    """np.where(x > 0, x, 0)."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        return np.where(x > 0, x, x.dtype.type(0))


@misreading("ReLU", "masked-by-multiplication")
class ReLUMaskedByMultiplication(reference.ReLU):
    """x * (x > 0)."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        return x * (x > 0)


@misreading("ReLU", "max-along-an-axis")
class MaxAlongAnAxis(reference.ReLU):
    """np.max(x, 0), whose 0 is an axis."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)  # leaves what backward needs
        return np.max(x, 0) if x.ndim and len(x) else y


# --- LeakyReLU ------------------------------------------------------------------------------------


@misreading("LeakyReLU", "slope-missing-in-backward")
class SlopeMissingInBackward(reference.LeakyReLU):
    """Backward is that of ReLU."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * (self._saved == 1)


@misreading("LeakyReLU", "larger-of-the-two")
class LargerOfTheTwo(reference.LeakyReLU):
    """max(x, negative_slope * x)."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        if self.negative_slope > 1:
            self._saved = np.where(x > 0, self.negative_slope, 1).astype(x.dtype)
        return x * self._saved


@misreading("LeakyReLU", "slope-hard-coded")
class SlopeHardCoded(reference.LeakyReLU):
    """negative_slope is 0.01 whatever the constructor was told."""

    def _forward(self, x: Array) -> Array:
        self.negative_slope = 0.01
        return super()._forward(x)


@misreading("LeakyReLU", "derivative-one-at-zero")
class LeakyReLUDerivativeOneAtZero(reference.LeakyReLU):
    """The derivative at 0 is 1."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        self._saved = np.where(x == 0, 1, self._saved).astype(x.dtype)
        return y


# --- ELU ------------------------------------------------------------------------------------------


class ELUInPieces(reference.ELU):
    """ELU with the derivative of its negative part in a piece of its own."""

    def _backward(self, grad_output: Array) -> Array:
        x = self._saved
        y = self.alpha * np.expm1(np.minimum(x, 0))
        return grad_output * np.where(x > 0, 1, self._slope(y)).astype(x.dtype)

    def _slope(self, y: Array) -> Array:
        return y + self.alpha


@misreading("ELU", "backward-times-output")
class BackwardTimesOutput(ELUInPieces):
    """The derivative of negative elements is alpha * y."""

    def _slope(self, y: Array) -> Array:
        return self.alpha * y


@misreading("ELU", "one-added-to-the-output")
class OneAddedToTheOutput(ELUInPieces):
    """The derivative of negative elements is y + 1."""

    def _slope(self, y: Array) -> Array:
        return y + 1


@misreading("ELU", "alpha-missing-in-backward")
class AlphaMissingInBackward(ELUInPieces):
    """The derivative of negative elements is exp(x)."""

    def _slope(self, y: Array) -> Array:
        return y / self.alpha + 1


@misreading("ELU", "derivative-one-at-zero")
class ELUDerivativeOneAtZero(reference.ELU):
    """The derivative at 0 is 1."""

    def _backward(self, grad_output: Array) -> Array:
        return np.where(self._saved == 0, grad_output, super()._backward(grad_output))


@misreading("ELU", "alpha-in-the-exponent")
class AlphaInTheExponent(reference.ELU):
    """exp(alpha * x) - 1."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        return np.maximum(x, 0) + np.expm1(self.alpha * np.minimum(x, 0))

    def _backward(self, grad_output: Array) -> Array:
        slope = self.alpha * np.exp(self.alpha * np.minimum(self._saved, 0))
        return grad_output * np.where(self._saved > 0, 1, slope).astype(grad_output.dtype)


@misreading("ELU", "masked-by-multiplication")
class MaskedByMultiplication(reference.ELU):
    """(x > 0) * x + (x <= 0) * alpha * (exp(x) - 1)."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        return (x > 0) * x + (x <= 0) * self.alpha * np.expm1(x)


# --- Softplus -------------------------------------------------------------------------------------


@misreading("Softplus", "threshold-missing")
class ThresholdMissing(reference.Softplus):
    """exp is taken of every element."""

    def _forward(self, x: Array) -> Array:
        self._saved = np.exp(self.beta * x)
        return np.log1p(self._saved) / self.beta

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * self._saved / (1 + self._saved)


@misreading("Softplus", "threshold-for-the-input")
class ThresholdForTheInput(reference.Softplus):
    """The threshold is compared with x."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        smooth = np.logaddexp(self.beta * x, 0, dtype=x.dtype) / self.beta
        self._above = x > self.threshold
        return np.where(self._above, x, np.where(self.beta * x > self.threshold, smooth, y))

    def _backward(self, grad_output: Array) -> Array:
        slope = 1 / (1 + np.exp(-self._saved))
        return grad_output * np.where(self._above, 1, slope).astype(grad_output.dtype)


@misreading("Softplus", "threshold-missing-in-backward")
class ThresholdMissingInBackward(reference.Softplus):
    """The derivative is the sigmoid above the threshold, too."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output / (1 + np.exp(-self._saved))


@misreading("Softplus", "identity-at-the-threshold")
class IdentityAtTheThreshold(reference.Softplus):
    """At the threshold itself the layer is the identity."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return np.where(self._saved == self.threshold, x, y)

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        return np.where(self._saved == self.threshold, grad_output, grad_input)


@misreading("Softplus", "not-divided-by-beta")
class NotDividedByBeta(reference.Softplus):
    """The logarithm is not divided by beta."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return np.where(self._saved > self.threshold, y, self.beta * y)

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        return np.where(self._saved > self.threshold, grad_input, self.beta * grad_input)


@misreading("Softplus", "gradient-divided-by-beta")
class GradientDividedByBeta(reference.Softplus):
    """The derivative of the logarithm is divided by beta, and beta * x not derived."""

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        return np.where(self._saved > self.threshold, grad_input, grad_input / self.beta)


@misreading("Softplus", "beta-missing-in-backward")
class BetaMissingInBackward(reference.Softplus):
    """The derivative is the sigmoid of x."""

    def _backward(self, grad_output: Array) -> Array:
        slope = 1 / (1 + np.exp(-self._saved / self.beta))
        above = self._saved > self.threshold
        return grad_output * np.where(above, 1, slope).astype(grad_output.dtype)


# --- Sigmoid --------------------------------------------------------------------------------------


@misreading("Sigmoid", "exp-of-input")
class ExpOfInput(reference.Sigmoid):
    """exp(x) / (1 + exp(x))."""

    def _forward(self, x: Array) -> Array:
        self._saved = np.exp(x) / (1 + np.exp(x))
        return self._saved.copy()


@misreading("Sigmoid", "minus-missing")
class MinusMissing(reference.Sigmoid):
    """1 / (1 + exp(x))."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(-x)


@misreading("Sigmoid", "clipped")
class SigmoidClipped(reference.Sigmoid):
    """The output stays a little away from 0 and 1."""

    def _forward(self, x: Array) -> Array:
        self._saved = super()._forward(x).clip(1e-7, 1 - 1e-7)
        return self._saved.copy()


@misreading("Sigmoid", "derivative-of-input")
class DerivativeOfInput(reference.Sigmoid):
    """The derivative is x * (1 - x)."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        self._saved = x.copy()
        return y


@misreading("Sigmoid", "derivative-at-output")
class SigmoidDerivativeAtOutput(reference.Sigmoid):
    """The derivative is taken at y instead of x."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        self._saved = 1 / (1 + np.exp(-y))
        return y


# --- Tanh -----------------------------------------------------------------------------------------


@misreading("Tanh", "quotient-of-exponentials")
class QuotientOfExponentials(reference.Tanh):
    """(1 - exp(-2x)) / (1 + exp(-2x))."""

    def _forward(self, x: Array) -> Array:
        self._saved = (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x))
        return self._saved.copy()


@misreading("Tanh", "clipped")
class TanhClipped(reference.Tanh):
    """The output stays a little away from -1 and 1."""

    def _forward(self, x: Array) -> Array:
        self._saved = super()._forward(x).clip(-1 + 1e-7, 1 - 1e-7)
        return self._saved.copy()


@misreading("Tanh", "scaled")
class Scaled(reference.Tanh):
    """1.7159 tanh(2x/3)."""

    def _forward(self, x: Array) -> Array:
        return 1.7159 * super()._forward(2 * x / 3)

    def _backward(self, grad_output: Array) -> Array:
        return 1.7159 * 2 / 3 * super()._backward(grad_output)


@misreading("Tanh", "square-missing")
class SquareMissing(reference.Tanh):
    """The derivative is 1 - y."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * (1 - self._saved)


@misreading("Tanh", "derivative-of-sigmoid")
class DerivativeOfSigmoid(reference.Tanh):
    """The derivative is y * (1 - y)."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * self._saved * (1 - self._saved)


@misreading("Tanh", "derivative-at-output")
class TanhDerivativeAtOutput(reference.Tanh):
    """The derivative is taken at y instead of x."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        self._saved = np.tanh(y)
        return y
