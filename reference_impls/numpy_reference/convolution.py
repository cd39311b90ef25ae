"""Two-dimensional convolution as a matrix product."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .module import Array, Module, Random, uniform
from .windows import Pair, as_batch, crop, pad, pair, taps


class Conv2d(Module):
    """Correlates images with a bank of kernels.

    y[n, f, p, q] = b[f] + Σ_{c,i,j} W[f, c, i, j] · x[n, c, p·s - pad + i·d, q·s - pad + j·d]

    Each of the `groups` equal parts of the output channels sees its own part of the input channels.
    stride, padding and dilation are one number or a (height, width) pair; padding may also be
    "valid" (none) or "same" (as many outputs as inputs; the odd cell goes below and to the right).

    input (N, C, H, W) or (C, H, W), output likewise with (F, H', W'),
    weight W (F, C / groups, kh, kw), bias b (F), with C = in_channels and F = out_channels.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
    """

    parameter_names = ("weight", "bias")
    weight: Array
    bias: Array | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | str = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        dtype: npt.DTypeLike = np.float64,
        rng: Random = None,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: in_channels={in_channels} and out_channels={out_channels} "
                f"should be divisible by groups={groups}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(kernel_size, "Conv2d: kernel_size", minimum=1)
        self.stride = pair(stride, "Conv2d: stride", minimum=1)
        self.dilation = pair(dilation, "Conv2d: dilation", minimum=1)
        self.groups = groups
        self.padding = padding
        self._margins = self._resolve(padding)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        fan_in = math.prod(shape[1:])
        rng = np.random.default_rng(rng)
        self._set_parameters(
            weight=uniform(rng, shape, fan_in, dtype),
            bias=uniform(rng, (out_channels,), fan_in, dtype) if bias else None,
        )

    def _resolve(self, padding: int | Pair | str) -> tuple[Pair, Pair]:
        """Return the margins (above, below) and (left, right)."""
        if padding == "valid":
            return (0, 0), (0, 0)
        if padding == "same":
            if self.stride != (1, 1):
                raise ValueError(f"Conv2d: padding='same' needs stride 1, got {self.stride}")
            height, width = (
                d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)
            )
            return (height // 2, height - height // 2), (width // 2, width - width // 2)
        if isinstance(padding, str):
            raise ValueError(f"Conv2d: padding={padding!r} is neither 'valid' nor 'same'")
        height, width = pair(padding, "Conv2d: padding", minimum=0)
        return (height, height), (width, width)

    def _forward(self, x: Array) -> Array:
        images = as_batch(x, "Conv2d")
        n, c, h, w = images.shape
        if c != self.in_channels:
            raise ValueError(
                f"Conv2d: input has {c} channels, expected in_channels={self.in_channels}"
            )
        windows = self._windows(h, w)
        padded = pad(images, *self._margins, value=0)
        patches = np.empty((n, c, *self.kernel_size, *windows), x.dtype)
        for i, j, seen in taps(self.kernel_size, self.stride, self.dilation, windows):
            patches[:, :, i, j] = padded[seen]
        # One matrix product per image and group: (outputs, cells) times (cells, windows).
        cells = math.prod(self.weight.shape[1:])
        columns = patches.reshape(n, self.groups, cells, math.prod(windows))
        weight = self.weight.astype(x.dtype).reshape(self.groups, -1, cells)
        self._saved = columns, weight, patches.shape, padded.shape
        y = (weight @ columns).reshape(n, self.out_channels, *windows)
        if self.bias is not None:
            y += self.bias.astype(x.dtype)[:, None, None]
        return y if x.ndim == 4 else y[0]

    def _backward(self, grad_output: Array) -> Array:
        columns, weight, patches_shape, padded_shape = self._saved
        n, groups, _, positions = columns.shape
        dy = grad_output.reshape(n, groups, self.out_channels // groups, positions)
        grad_weight = (dy @ columns.swapaxes(-1, -2)).sum(0)
        self._accumulate(
            weight=grad_weight.reshape(self.weight.shape),
            bias=dy.sum((0, 3)).reshape(self.out_channels),
        )
        grad_patches = (weight.swapaxes(-1, -2) @ dy).reshape(patches_shape)
        grad_padded = np.zeros(padded_shape, dy.dtype)
        windows = patches_shape[-2:]
        for i, j, seen in taps(self.kernel_size, self.stride, self.dilation, windows):
            grad_padded[seen] += grad_patches[:, :, i, j]  # windows overlap, so their shares add up
        dx = crop(grad_padded, *self._margins)
        return dx if grad_output.ndim == 4 else dx[0]

    def _windows(self, h: int, w: int) -> Pair:
        """Return how many windows fit below and beside each other."""
        counts = []
        for axis, size in enumerate((h, w)):
            padded = size + sum(self._margins[axis])
            extent = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            if extent > padded:
                raise ValueError(
                    f"Conv2d: a kernel that spans {extent} pixels does not fit into "
                    f"the padded input's {padded}, in a {h}x{w} input"
                )
            counts.append((padded - extent) // self.stride[axis] + 1)
        return counts[0], counts[1]
