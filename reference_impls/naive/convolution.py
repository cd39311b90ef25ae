"""Two-dimensional convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .arrays import (
    Array,
    accumulate,
    float_array,
    float_dtype,
    gradient_array,
    indices,
    integer,
    pair,
    to_array,
    zeros,
)
from .module import Module


class Conv2d(Module):
    """Slides kernels over an image and sums the products (a cross-correlation).

    With p the input surrounded by zeros ("padded"), stride s and dilation d:

        y[n, o, i, j] = bias[o] + sum_{c, a, b} p[n, first + c, i sh + a dh, j sw + b dw]
                                                weight[o, c, a, b]

    where c runs over the CG = C / groups input channels of the group that o belongs to, the first
    of which is `first`, and a, b run over the kernel. Every product of the sum gives the backward
    pass two terms: each p[...] gets dy[n, o, i, j] weight[o, c, a, b], and each weight[o, c, a, b]
    gets dy[n, o, i, j] p[...]. dbias[o] = sum_{n, i, j} dy[n, o, i, j], and dx is dp without the
    border.

    Shapes: x (N, C, H, W) or (C, H, W), y (N, OC, OH, OW) or (OC, OH, OW) with
    OH = (H + top + bottom - dh (KH - 1) - 1) // sh + 1, and OW likewise;
    weight (OC, CG, KH, KW), bias (OC,).

    padding="valid" adds nothing; "same" (stride 1 only) adds dh (KH - 1) rows in all, so that
    OH = H; where that number is odd, the extra row is at the bottom (and the extra column at the
    right).

    Source: Dumoulin & Visin 2016, arXiv:1603.07285.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float64,
        rng: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels = integer(in_channels, "in_channels", minimum=1)
        self.out_channels = integer(out_channels, "out_channels", minimum=1)
        self.kernel_size = pair(kernel_size, "kernel_size", minimum=1)
        self.stride = pair(stride, "stride", minimum=1)
        self.dilation = pair(dilation, "dilation", minimum=1)
        self.padding: tuple[int, int] | str
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f'padding must be an integer, a pair, "same" or "valid", got {padding!r}'
                )
            if padding == "same" and self.stride != (1, 1):
                raise ValueError(f'padding="same" needs stride 1, got stride={self.stride}')
            self.padding = padding
        else:
            self.padding = pair(padding, "padding", minimum=0)
        self.groups = integer(groups, "groups", minimum=1)
        for name, channels in ("in_channels", in_channels), ("out_channels", out_channels):
            if channels % groups != 0:
                raise ValueError(f"{name}={channels} is not divisible by groups={groups}")
        dtype = float_dtype(dtype)
        rng = np.random.default_rng(rng)

        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        bound = 1.0 / math.sqrt(math.prod(shape[1:]))
        self.weight: Array = rng.uniform(-bound, bound, shape).astype(dtype)
        self.grad_weight: Array = np.zeros_like(self.weight)
        self.bias: Array | None = None
        self.grad_bias: Array | None = None
        if bias:
            self.bias = rng.uniform(-bound, bound, self.out_channels).astype(dtype)
            self.grad_bias = np.zeros_like(self.bias)

    def _border(self, axis: int) -> tuple[int, int]:
        """Return how many zeros go before and after the input, vertically or horizontally."""
        if self.padding == "valid":
            return 0, 0
        if self.padding == "same":
            total = self.dilation[axis] * (self.kernel_size[axis] - 1)
            return total // 2, total - total // 2
        return self.padding[axis], self.padding[axis]  # type: ignore[return-value]

    def _output_size(self, padded_size: int, axis: int) -> int:
        span = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
        if span > padded_size:
            raise ValueError(
                f"the input with its padding is {padded_size} {('high', 'wide')[axis]}, which is "
                f"smaller than the kernel: kernel_size={self.kernel_size}, "
                f"dilation={self.dilation}, padding={self.padding}"
            )
        return (padded_size - span) // self.stride[axis] + 1

    def forward(self, input: ArrayLike) -> Array:
        x = float_array(input, "input")
        images = x[np.newaxis] if x.ndim == 3 else x
        if images.ndim != 4 or images.shape[1] != self.in_channels or 0 in images.shape[2:]:
            raise ValueError(
                f"input must have shape (N, C, H, W) or (C, H, W) with C = in_channels="
                f"{self.in_channels} and H, W >= 1, got {x.shape}"
            )
        (top, bottom), (left, right) = self._border(0), self._border(1)
        padded = np.pad(images, [(0, 0), (0, 0), (top, bottom), (left, right)])
        OH = self._output_size(padded.shape[2], axis=0)
        OW = self._output_size(padded.shape[3], axis=1)
        N, OC, CG = len(images), self.out_channels, self.in_channels // self.groups
        KH, KW = self.kernel_size
        sh, sw = self.stride
        dh, dw = self.dilation

        p = padded.tolist()
        weight = self._values("weight", OC, CG, KH, KW)
        bias = zeros(OC) if self.bias is None else self._values("bias", OC)
        y = zeros(N, OC, OH, OW)
        for n, o, i, j in indices(N, OC, OH, OW):
            first = self._first_channel(o)
            total = bias[o]
            for c, a, b in indices(CG, KH, KW):
                total += p[n][first + c][i * sh + a * dh][j * sw + b * dw] * weight[o][c][a][b]
            y[n][o][i][j] = total

        y_shape = (*x.shape[:-3], OC, OH, OW)
        self._cache = p, weight, padded.shape, (top, left), x.shape, y_shape, x.dtype
        return to_array(y, y_shape, x.dtype)

    def backward(self, grad_output: ArrayLike) -> Array:
        p, weight, padded_shape, (top, left), shape, y_shape, dtype = self._recall()
        OC, OH, OW = y_shape[-3:]
        N, CG = padded_shape[0], self.in_channels // self.groups
        KH, KW = self.kernel_size
        sh, sw = self.stride
        dh, dw = self.dilation

        dy = gradient_array(grad_output, y_shape).reshape(N, OC, OH, OW).tolist()
        dp = zeros(*padded_shape)
        dweight = zeros(OC, CG, KH, KW)
        dbias = zeros(OC)
        for n, o, i, j in indices(N, OC, OH, OW):
            first = self._first_channel(o)
            g = dy[n][o][i][j]
            dbias[o] += g
            for c, a, b in indices(CG, KH, KW):
                dp[n][first + c][i * sh + a * dh][j * sw + b * dw] += g * weight[o][c][a][b]
                dweight[o][c][a][b] += g * p[n][first + c][i * sh + a * dh][j * sw + b * dw]

        accumulate(self.grad_weight, dweight)
        if self.grad_bias is not None:
            accumulate(self.grad_bias, dbias)
        H, W = shape[-2:]
        without_border = np.reshape(dp, padded_shape)[:, :, top : top + H, left : left + W]
        return to_array(without_border, shape, dtype)

    def _first_channel(self, o: int) -> int:
        """Return the first input channel of the group that output channel `o` belongs to."""
        group = o // (self.out_channels // self.groups)
        return group * (self.in_channels // self.groups)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding!r}, dilation={self.dilation}, "
            f"groups={self.groups}, bias={self.bias is not None}"
        )
