"""Batch normalization, and its affine half on its own."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .module import Array, Module


def _flat(x: Array) -> Array:
    """Return (N, C, ...) as (N, C, positions); along with it, v[:, None] is a value per channel."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _sums(a: Array, b: Array) -> Array:
    """Return Σ a · b per channel, of (N, C, positions), without an array of the products."""
    return np.einsum("ncp,ncp->c", a, b)


class _PerChannel(Module):
    """A layer with a scale and a shift for each channel; channels lie along dimension 1."""

    layouts: ClassVar[dict[int, str]]  # by number of dimensions
    parameter_names = ("weight", "bias")
    num_features: int
    weight: Array | None
    bias: Array | None

    def _check(self, x: Array) -> None:
        if x.ndim not in self.layouts:
            expected = " or ".join(self.layouts.values())
            raise ValueError(f"{self._name}: input is {x.ndim}-D, expected {expected}")
        if x.shape[1] != self.num_features:
            raise ValueError(
                f"{self._name}: input has {x.shape[1]} channels in dimension 1, "
                f"expected num_features={self.num_features}"
            )

    def _scale_and_shift(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """Return copies of weight and bias, or what stands for them if they are absent."""
        weight = np.ones(self.num_features) if self.weight is None else self.weight
        bias = np.zeros(self.num_features) if self.bias is None else self.bias
        return weight.astype(dtype), bias.astype(dtype)


class ChannelwiseScaling(_PerChannel):
    """Scales and shifts each channel.

    y[:, c] = weight[c] · x[:, c] + bias[c]

    input and output (N, C) or (N, C, H, W); weight and bias (C), with C = num_features.
    Source: the affine part of https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
    """

    layouts: ClassVar[dict[int, str]] = {2: "(N, C)", 4: "(N, C, H, W)"}

    def __init__(self, num_features: int, *, dtype: npt.DTypeLike = np.float64) -> None:
        self.num_features = num_features
        self._set_parameters(
            weight=np.ones(num_features, dtype), bias=np.zeros(num_features, dtype)
        )

    def _forward(self, x: Array) -> Array:
        self._check(x)
        weight, bias = self._scale_and_shift(x.dtype)
        self._saved = _flat(x.copy()), weight
        return (_flat(x) * weight[:, None] + bias[:, None]).reshape(x.shape)

    def _backward(self, grad_output: Array) -> Array:
        x, weight = self._saved
        dy = _flat(grad_output)
        self._accumulate(weight=(dy * x).sum((0, 2)), bias=dy.sum((0, 2)))
        return (dy * weight[:, None]).reshape(grad_output.shape)


class _BatchNorm(_PerChannel):
    buffer_names = ("running_mean", "running_var", "num_batches_tracked")
    running_mean: Array | None
    running_var: Array | None
    num_batches_tracked: Array | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._set_parameters(
            weight=np.ones(num_features, dtype) if affine else None,
            bias=np.zeros(num_features, dtype) if affine else None,
        )
        self.running_mean = np.zeros(num_features, dtype) if track_running_stats else None
        self.running_var = np.ones(num_features, dtype) if track_running_stats else None
        self.num_batches_tracked = np.zeros((), np.int64) if track_running_stats else None

    def _forward(self, x: Array) -> Array:
        self._check(x)
        shape, x = x.shape, _flat(x)
        if self.training or self.running_mean is None or self.running_var is None:
            count = x.shape[0] * x.shape[2]
            if count == 1:
                raise ValueError(
                    f"{self._name}: Expected more than 1 value per channel in training, "
                    f"got input of shape {shape}"
                )
            # In float64, since an error in the mean would shift the whole channel.
            mean = (x.sum((0, 2), np.float64) / count).astype(x.dtype)
            centered = x - mean[:, None]
            variance = _sums(centered, centered) / count
            self._track(mean, variance, count)
        else:
            count = None  # the statistics are not averages of this input, but constants
            centered = x - self.running_mean.astype(x.dtype)[:, None]
            variance = self.running_var.astype(x.dtype)
        weight, bias = self._scale_and_shift(x.dtype)
        inverse_std = 1 / np.sqrt(variance + self.eps)
        normalized = centered
        normalized *= inverse_std[:, None]
        self._saved = normalized, weight * inverse_std, count
        y = normalized * weight[:, None]
        y += bias[:, None]
        return y.reshape(shape)

    def _track(self, mean: Array, variance: Array, count: int) -> None:
        """Blend the batch's statistics into the running ones."""
        if not self.training or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        if count == 0:
            return
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        unbiased = variance * (count / (count - 1))
        for running, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            assert running is not None
            running[...] = (1 - share) * running + share * new

    def _backward(self, grad_output: Array) -> Array:
        normalized, scale, count = self._saved
        dy = _flat(grad_output)
        grad_weight = _sums(dy, normalized)
        grad_bias = dy.sum((0, 2))
        self._accumulate(weight=grad_weight, bias=grad_bias)
        if count is None:
            dx = dy * scale[:, None]
        else:
            # Each value also moves the mean and the variance, and so all values of its channel.
            dx = normalized * (-grad_weight / count)[:, None]
            dx += dy
            dx -= (grad_bias / count)[:, None]
            dx *= scale[:, None]
        return dx.reshape(grad_output.shape)


class BatchNorm1d(_BatchNorm):
    """Normalizes each feature over the batch (and length), then scales and shifts it.

    y = (x - mean) / sqrt(var + eps) · weight + bias

    Training uses the batch's mean and biased variance, and moves running_mean and running_var
    towards the mean and the unbiased variance by the share `momentum` (None: plain average over
    all batches). Evaluation uses the running statistics, or the batch's if none are tracked.

    input and output (N, C) or (N, C, L); weight, bias and running statistics (C).
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167
    """

    layouts: ClassVar[dict[int, str]] = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Normalizes each channel over batch and space, then scales and shifts it.

    y = (x - mean) / sqrt(var + eps) · weight + bias, statistics as in BatchNorm1d

    input and output (N, C, H, W); weight, bias and running statistics (C).
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167
    """

    layouts: ClassVar[dict[int, str]] = {4: "(N, C, H, W)"}
