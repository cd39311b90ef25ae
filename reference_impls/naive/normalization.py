"""Batch normalization, and its learned scale and shift alone."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .arrays import (
    Array,
    Row,
    accumulate,
    divide,
    float_array,
    float_dtype,
    gradient_array,
    integer,
    sqrt,
    store,
    to_array,
    to_rows,
)
from .module import Module


def to_channels(x: Array) -> list[Row]:
    """Return, for each channel (axis 1), all its values over batch and positions."""
    by_channel = np.moveaxis(x, 1, 0)
    return to_rows(by_channel.reshape(x.shape[1], x.size // max(x.shape[1], 1)), axis=1)


def from_channels(channels: list[Row], shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Undo `to_channels`."""
    batch, channel_count, *positions = shape
    by_channel = to_array(channels, (channel_count, batch, *positions), dtype)
    return np.ascontiguousarray(np.moveaxis(by_channel, 0, 1))


def channel_input(input: ArrayLike, num_features: int, layouts: dict[int, str]) -> Array:
    """Return the input as an array, whose rank must be in `layouts` (rank -> its name)."""
    x = float_array(input, "input")
    if x.ndim not in layouts:
        raise ValueError(f"input must be {' or '.join(layouts.values())}, got shape {x.shape}")
    if x.shape[1] != num_features:
        raise ValueError(
            f"input must have num_features={num_features} channels in axis 1, got shape {x.shape}"
        )
    return x


class _BatchNorm(Module):
    """The common part of BatchNorm1d and BatchNorm2d, which differ only in the accepted ranks.

    For each channel c, with i over the n values that the channel has in batch and positions:

        mean[c] = (1/n) sum_i x[c, i]
        var[c]  = (1/n) sum_i (x[c, i] - mean[c])^2
        z[c, i] = (x[c, i] - mean[c]) / sqrt(var[c] + eps)
        y[c, i] = weight[c] z[c, i] + bias[c]

        dweight[c] = sum_i dy[c, i] z[c, i]
        dbias[c]   = sum_i dy[c, i]
        dx[c, i]   = weight[c] / sqrt(var[c] + eps) (dy[c, i] - dbias[c] / n
                                                     - z[c, i] dweight[c] / n)

    Training also moves the running statistics, where the variance is the unbiased one:

        running_mean[c] = (1 - momentum) running_mean[c] + momentum mean[c]
        running_var[c]  = (1 - momentum) running_var[c] + momentum var[c] n / (n - 1)

    (momentum=None: 1 / number of batches so far, which makes them plain averages.)
    Evaluation uses running_mean and running_var for mean and var. They are then constants, so
    the last two terms of dx are absent. Without running statistics, evaluation works as training.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("weight", "bias")
    buffer_names: ClassVar[tuple[str, ...]] = ("running_mean", "running_var", "num_batches_tracked")
    layouts: ClassVar[dict[int, str]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike = np.float64,
    ) -> None:
        super().__init__()
        self.num_features = integer(num_features, "num_features", minimum=0)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        dtype = float_dtype(dtype)

        self.weight: Array | None = None
        self.bias: Array | None = None
        self.grad_weight: Array | None = None
        self.grad_bias: Array | None = None
        if affine:
            self.weight = np.ones(self.num_features, dtype)
            self.bias = np.zeros(self.num_features, dtype)
            self.grad_weight = np.zeros_like(self.weight)
            self.grad_bias = np.zeros_like(self.bias)

        self.running_mean: Any = None
        self.running_var: Any = None
        self.num_batches_tracked: Any = None
        if track_running_stats:
            self.running_mean = np.zeros(self.num_features, dtype)
            self.running_var = np.ones(self.num_features, dtype)
            self.num_batches_tracked = np.array(0)

    def forward(self, input: ArrayLike) -> Array:
        x = channel_input(input, self.num_features, self.layouts)
        channels = to_channels(x)
        C = self.num_features
        weight = [1.0] * C if self.weight is None else self._values("weight", C)
        bias = [0.0] * C if self.bias is None else self._values("bias", C)

        batch_statistics = self.training or self.running_mean is None
        if batch_statistics:
            mean, var = self._batch_statistics(x.shape, channels)
        else:
            mean, var = self._values("running_mean", C), self._values("running_var", C)

        y: list[Row] = []
        z: list[Row] = []
        slope = []  # dy/dx with mean and var held constant
        for c in range(C):
            inverse_std = divide(1.0, sqrt(var[c] + self.eps))
            slope.append(weight[c] * inverse_std)
            z.append([])
            y.append([])
            for value in channels[c]:
                z[c].append((value - mean[c]) * inverse_std)
                y[c].append(weight[c] * z[c][-1] + bias[c])

        self._cache = z, slope, batch_statistics, x.shape, x.dtype
        return from_channels(y, x.shape, x.dtype)

    def _batch_statistics(self, shape: tuple[int, ...], channels: list[Row]) -> tuple[Row, Row]:
        """Return mean and variance of each channel; in training, move the running statistics."""
        n = len(channels[0]) if channels else 0
        if n == 1:
            raise ValueError(
                f"batch statistics need more than one value per channel, got input shape {shape}"
            )
        if self.eps <= 0:
            raise ValueError(f"eps must be positive during training, got {self.eps}")

        mean = []
        var = []
        for c in range(self.num_features):
            total = 0.0
            for value in channels[c]:
                total += value
            mean.append(divide(total, n))

            total = 0.0
            for value in channels[c]:
                total += (value - mean[c]) * (value - mean[c])
            var.append(divide(total, n))

        if self.training and self.running_mean is not None:
            self._move_running_statistics(mean, var, n)
        return mean, var

    def _move_running_statistics(self, mean: Row, var: Row, n: int) -> None:
        self.num_batches_tracked += 1
        if n == 0:
            return  # an empty batch counts, but has no statistics
        momentum = self.momentum
        if momentum is None:
            momentum = 1.0 / int(self.num_batches_tracked)

        new_mean = self._values("running_mean", self.num_features)
        new_var = self._values("running_var", self.num_features)
        for c in range(self.num_features):
            unbiased = var[c] * n / (n - 1)
            new_mean[c] = (1.0 - momentum) * new_mean[c] + momentum * mean[c]
            new_var[c] = (1.0 - momentum) * new_var[c] + momentum * unbiased
        store(self.running_mean, new_mean)
        store(self.running_var, new_var)

    def backward(self, grad_output: ArrayLike) -> Array:
        z, slope, batch_statistics, shape, dtype = self._recall()
        dy = to_channels(gradient_array(grad_output, shape))

        dx: list[Row] = []
        dweight = []
        dbias = []
        for c in range(self.num_features):
            n = len(dy[c])
            sum_dy = 0.0
            sum_dy_z = 0.0
            for i in range(n):
                sum_dy += dy[c][i]
                sum_dy_z += dy[c][i] * z[c][i]
            dweight.append(sum_dy_z)
            dbias.append(sum_dy)

            dx.append([])
            for i in range(n):
                centred = dy[c][i]
                if batch_statistics:
                    centred -= sum_dy / n + z[c][i] * sum_dy_z / n
                dx[c].append(slope[c] * centred)

        if self.grad_weight is not None and self.grad_bias is not None:
            accumulate(self.grad_weight, dweight)
            accumulate(self.grad_bias, dbias)
        return from_channels(dx, shape, dtype)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Normalises each feature over the batch (and positions), then scales and shifts it.

        y[n, c, l] = (x[n, c, l] - mean[c]) / sqrt(var[c] + eps) weight[c] + bias[c]

    All equations are in `_BatchNorm`. Shapes: x and y (N, C) or (N, C, L); weight, bias,
    running_mean and running_var (C,).

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    layouts: ClassVar[dict[int, str]] = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Normalises each channel over the batch and the image, then scales and shifts it.

        y[n, c, h, w] = (x[n, c, h, w] - mean[c]) / sqrt(var[c] + eps) weight[c] + bias[c]

    All equations are in `_BatchNorm`. Shapes: x and y (N, C, H, W); weight, bias, running_mean
    and running_var (C,).

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    layouts: ClassVar[dict[int, str]] = {4: "(N, C, H, W)"}


class ChannelwiseScaling(Module):
    """Scales and shifts each channel: the learned half of batch normalization.

        y[c, i]    = weight[c] x[c, i] + bias[c]

        dx[c, i]   = weight[c] dy[c, i]
        dweight[c] = sum_i dy[c, i] x[c, i]
        dbias[c]   = sum_i dy[c, i]

    Shapes: x and y (N, C) or (N, C, H, W), where i runs over batch and positions;
    weight and bias (C,).

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167, the last line of Algorithm 1.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("weight", "bias")
    layouts: ClassVar[dict[int, str]] = {2: "(N, C)", 4: "(N, C, H, W)"}

    def __init__(self, num_features: int, *, dtype: DTypeLike = np.float64) -> None:
        super().__init__()
        self.num_features = integer(num_features, "num_features", minimum=0)
        dtype = float_dtype(dtype)
        self.weight: Array = np.ones(self.num_features, dtype)
        self.bias: Array = np.zeros(self.num_features, dtype)
        self.grad_weight: Array = np.zeros_like(self.weight)
        self.grad_bias: Array = np.zeros_like(self.bias)

    def forward(self, input: ArrayLike) -> Array:
        x = channel_input(input, self.num_features, self.layouts)
        channels = to_channels(x)
        weight = self._values("weight", self.num_features)
        bias = self._values("bias", self.num_features)

        y: list[Row] = []
        for c in range(self.num_features):
            y.append([])
            for value in channels[c]:
                y[c].append(weight[c] * value + bias[c])

        self._cache = channels, weight, x.shape, x.dtype
        return from_channels(y, x.shape, x.dtype)

    def backward(self, grad_output: ArrayLike) -> Array:
        x, weight, shape, dtype = self._recall()
        dy = to_channels(gradient_array(grad_output, shape))

        dx: list[Row] = []
        dweight = []
        dbias = []
        for c in range(self.num_features):
            sum_dy = 0.0
            sum_dy_x = 0.0
            dx.append([])
            for i in range(len(dy[c])):
                sum_dy += dy[c][i]
                sum_dy_x += dy[c][i] * x[c][i]
                dx[c].append(weight[c] * dy[c][i])
            dweight.append(sum_dy_x)
            dbias.append(sum_dy)

        accumulate(self.grad_weight, dweight)
        accumulate(self.grad_bias, dbias)
        return from_channels(dx, shape, dtype)

    def extra_repr(self) -> str:
        return f"{self.num_features}"
