"""Deliberately wrong layers: test doubles that the checks must catch.

Each is the reference with one mistake; the docstring says which.
"""

from __future__ import annotations

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


# By spec and misreading id.
WRONG: dict[tuple[str, str], type] = {
    ("Linear", "weight-gradient-mean"): WeightGradientMean,
    ("Linear", "gradients-overwritten"): GradientsOverwritten,
    ("BatchNorm1d", "biased-running-var"): BiasedRunningVar,
    ("MaxPool2d", "padded-with-zeros"): PaddedWithZeros,
    ("Softmax", "no-max-subtraction"): NoMaxSubtraction,
    ("Dropout", "mask-redrawn"): MaskRedrawn,
    ("ReLU", "input-clobbered"): InputClobbered,
}
