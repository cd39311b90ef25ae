"""Deliberately wrong layers: test doubles that the checks must catch.

Each is the reference with one mistake; the docstring says which.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


class WeightGradientMean(reference.Linear):
    """grad_weight is divided by the batch size."""

    def backward(self, grad_output: Array) -> Array:
        before = self.grad_weight.copy()
        grad_input = super().backward(grad_output)
        rows = max(1, grad_output.size // self.out_features)
        self.grad_weight[...] = before + (self.grad_weight - before) / rows
        return grad_input


class GradientsOverwritten(reference.Linear):
    """Parameter gradients are assigned, not added."""

    def backward(self, grad_output: Array) -> Array:
        self.zero_grad()
        return super().backward(grad_output)


class BiasedRunningVar(reference.BatchNorm1d):
    """running_var takes the biased (1/n) batch variance."""

    def forward(self, input: Array) -> Array:
        before = None if self.running_var is None else self.running_var.copy()
        output = super().forward(input)
        if self.training and before is not None:
            factor = self.momentum or 1 / int(self.num_batches_tracked)
            count = input.size // self.num_features
            kept = (1 - factor) * before
            self.running_var = kept + (self.running_var - kept) * (count - 1) / count
        return output


class PaddedWithZeros(reference.MaxPool2d):
    """The padding is zero instead of -inf."""

    def forward(self, input: Array) -> Array:
        output = super().forward(input)
        self.shape, self.winners = input.shape, {}
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        (ph, pw), (dh, dw) = self.padding, self.dilation
        margins = [(0, 0)] * (input.ndim - 2) + [(ph, ph + kh * dh), (pw, pw + kw * dw)]
        padded = np.pad(input, margins)
        for index in np.ndindex(output.shape):
            rows = index[-2] * sh + dh * np.arange(kh)
            columns = index[-1] * sw + dw * np.arange(kw)
            window = padded[index[:-2]][np.ix_(rows, columns)]
            output[index] = window.max()
            row, column = divmod(int(window.argmax()), kw)
            self.winners[index] = (rows[row] - ph, columns[column] - pw)
        return output

    def backward(self, grad_output: Array) -> Array:
        grad_input = np.zeros(self.shape, grad_output.dtype)
        for index, (row, column) in self.winners.items():
            if 0 <= row < self.shape[-2] and 0 <= column < self.shape[-1]:
                grad_input[(*index[:-2], row, column)] += grad_output[index]
        return grad_input


class NoMaxSubtraction(reference.Softmax):
    """exp is taken of the raw scores."""

    def forward(self, input: Array) -> Array:
        super().forward(input)  # for its errors
        scores = np.exp(input)
        self.output = scores / scores.sum(axis=self.dim, keepdims=True)
        return self.output.copy()

    def backward(self, grad_output: Array) -> Array:
        mean = (grad_output * self.output).sum(axis=self.dim, keepdims=True)
        return self.output * (grad_output - mean)


class MaskRedrawn(reference.Dropout):
    """Backward draws a new mask."""

    def backward(self, grad_output: Array) -> Array:
        self.forward(np.ones_like(grad_output))
        return super().backward(grad_output)


class InputClobbered(reference.ReLU):
    """Forward writes into its input."""

    def forward(self, input: Array) -> Array:
        output = super().forward(input)
        np.maximum(input, 0, out=input)
        return output


class SlopeMissingInBackward(reference.LeakyReLU):
    """Backward is that of ReLU."""

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * (self._saved == 1)


class BackwardTimesOutput(reference.ELU):
    """The derivative of negative elements is alpha * y."""

    def _backward(self, grad_output: Array) -> Array:
        y = self.alpha * np.expm1(np.minimum(self._saved, 0))
        return grad_output * np.where(self._saved > 0, 1, self.alpha * y)


class ThresholdMissing(reference.Softplus):
    """exp is taken of every element."""

    def _forward(self, x: Array) -> Array:
        self._saved = np.exp(self.beta * x)
        return np.log1p(self._saved) / self.beta

    def _backward(self, grad_output: Array) -> Array:
        return grad_output * self._saved / (1 + self._saved)


class NotDividedByBeta(reference.Softplus):
    """The logarithm is not divided by beta."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        return np.where(self._saved > self.threshold, y, self.beta * y)

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        return np.where(self._saved > self.threshold, grad_input, self.beta * grad_input)


class ExpOfInput(reference.Sigmoid):
    """exp(x) / (1 + exp(x))."""

    def _forward(self, x: Array) -> Array:
        self._saved = np.exp(x) / (1 + np.exp(x))
        return self._saved.copy()


class DerivativeOfInput(reference.Sigmoid):
    """The derivative is x * (1 - x)."""

    def _forward(self, x: Array) -> Array:
        y = super()._forward(x)
        self._saved = x.copy()
        return y


class QuotientOfExponentials(reference.Tanh):
    """(1 - exp(-2x)) / (1 + exp(-2x))."""

    def _forward(self, x: Array) -> Array:
        self._saved = (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x))
        return self._saved.copy()


class Clipped(reference.Tanh):
    """The output stays a little away from -1 and 1."""

    def _forward(self, x: Array) -> Array:
        self._saved = super()._forward(x).clip(-1 + 1e-7, 1 - 1e-7)
        return self._saved.copy()


class LogOfSoftmax(reference.LogSoftmax):
    """The logarithm of exp(x) / sum(exp(x))."""

    def _forward(self, x: Array) -> Array:
        axis = self._axis(x)
        y = np.log(np.exp(x) / np.exp(x).sum(axis, keepdims=True))
        self._saved = axis, y.copy()
        return y


class Upcast(reference.Identity):
    """Everything becomes float64."""

    def forward(self, x: Array) -> Array:
        return np.array(x, dtype=float)

    def backward(self, grad_output: Array) -> Array:
        return np.array(grad_output, dtype=float)


class ColumnMajor(reference.Flatten):
    """Elements are joined in Fortran's order."""

    def _forward(self, x: Array) -> Array:
        return x.reshape(super()._forward(x).shape, order="F")

    def _backward(self, grad_output: Array) -> Array:
        return grad_output.reshape(self._saved, order="F")


class ArgumentsIgnored(reference.Flatten):
    """Everything but the first axis is joined."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)  # for its errors
        return x.reshape(*x.shape[:1], math.prod(x.shape[1:]))


class GradientsNotReduced(reference.BatchNorm2d):
    """The gradients of weight and bias are summed over the batch only."""

    def _backward(self, grad_output: Array) -> Array:
        grad_input = super()._backward(grad_output)
        if self.affine:
            normalized = self._saved[0].reshape(grad_output.shape)
            self.grad_weight = (grad_output * normalized).sum(0)
            self.grad_bias = grad_output.sum(0)
        return grad_input


class EvalBackwardAsInTrain(reference.BatchNorm2d):
    """Backward always goes through the batch statistics."""

    def _backward(self, grad_output: Array) -> Array:
        normalized, scale, _ = self._saved
        self._saved = normalized, scale, normalized[:, 0].size
        return super()._backward(grad_output)


class AlwaysFourAxes(reference.ChannelwiseScaling):
    """weight and bias have the shape (1, C, 1, 1) for every input."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)  # for its errors
        weight, bias = (v.reshape(1, -1, 1, 1) for v in self._scale_and_shift(x.dtype))
        return weight * x + bias


class AnyRank(reference.ChannelwiseScaling):
    """The rank of the input is not checked."""

    layouts = dict.fromkeys(range(2, 8), "(N, C, ...)")


class FlippedKernel(reference.Conv2d):
    """A convolution instead of a correlation."""

    def _forward(self, x: Array) -> Array:
        weight, self.weight = self.weight, self.weight[..., ::-1, ::-1]
        y = super()._forward(x)
        self.weight = weight
        return y

    def _accumulate(self, **gradients: Array) -> None:
        gradients["weight"] = gradients["weight"][..., ::-1, ::-1]
        super()._accumulate(**gradients)


class GroupsSeeTheFirstChannels(reference.Conv2d):
    """Every group reads the input channels of the first one."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)  # for its errors
        first = x[..., : self.in_channels // self.groups, :, :]
        return super()._forward(np.tile(first, (self.groups, 1, 1)))

    def _backward(self, grad_output: Array) -> Array:
        grad_tiled = super()._backward(grad_output)
        grad_input = np.zeros_like(grad_tiled)
        for share in np.split(grad_tiled, self.groups, axis=-3):
            grad_input[..., : share.shape[-3], :, :] += share
        return grad_input


class WidthStrideForHeight(reference.Conv2d):
    """Both strides are that of the width."""

    def _forward(self, x: Array) -> Array:
        self.stride = (self.stride[1], self.stride[1])
        return super()._forward(x)


class SamePadsTheStart(reference.Conv2d):
    """The odd cell of padding = "same" stands above and to the left."""

    def _resolve(self, padding: Any) -> Any:
        return tuple(margins[::-1] for margins in super()._resolve(padding))


# By spec and misreading id.
WRONG: dict[tuple[str, str], type] = {
    ("Linear", "weight-gradient-mean"): WeightGradientMean,
    ("Linear", "gradients-overwritten"): GradientsOverwritten,
    ("BatchNorm1d", "biased-running-var"): BiasedRunningVar,
    ("MaxPool2d", "padded-with-zeros"): PaddedWithZeros,
    ("Softmax", "no-max-subtraction"): NoMaxSubtraction,
    ("Dropout", "mask-redrawn"): MaskRedrawn,
    ("ReLU", "input-clobbered"): InputClobbered,
    ("LeakyReLU", "slope-missing-in-backward"): SlopeMissingInBackward,
    ("ELU", "backward-times-output"): BackwardTimesOutput,
    ("Softplus", "threshold-missing"): ThresholdMissing,
    ("Softplus", "not-divided-by-beta"): NotDividedByBeta,
    ("Sigmoid", "derivative-of-input"): DerivativeOfInput,
    ("Sigmoid", "exp-of-input"): ExpOfInput,
    ("Tanh", "quotient-of-exponentials"): QuotientOfExponentials,
    ("Tanh", "clipped"): Clipped,
    ("LogSoftmax", "log-of-softmax"): LogOfSoftmax,
    ("Identity", "upcast"): Upcast,
    ("Flatten", "column-major"): ColumnMajor,
    ("Flatten", "arguments-ignored"): ArgumentsIgnored,
    ("BatchNorm2d", "gradients-not-reduced"): GradientsNotReduced,
    ("BatchNorm2d", "eval-backward-as-in-train"): EvalBackwardAsInTrain,
    ("ChannelwiseScaling", "always-four-axes"): AlwaysFourAxes,
    ("ChannelwiseScaling", "any-rank"): AnyRank,
    ("Conv2d", "flipped-kernel"): FlippedKernel,
    ("Conv2d", "groups-see-the-first-channels"): GroupsSeeTheFirstChannels,
    ("Conv2d", "width-stride-for-height"): WidthStrideForHeight,
    ("Conv2d", "same-pads-the-start"): SamePadsTheStart,
}
