"""Two-dimensional convolution as a matrix product."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .module import Array, Module, Random, uniform
from .windows import Pair, as_batch, cells, crop, pad, pair


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
        # strips[n, :, j] holds what column j of the kernel sees of image n, in every row of it. Row
        # i of the kernel sees some rows of each strip: one matrix product (outputs, cells) times
        # (cells, windows) per group, for which nothing is copied if the stride is 1.
        strips = np.empty((n, c, self.kernel_size[1], padded.shape[2], windows[1]), x.dtype)
        weight = self._by_kernel_row(self.weight.astype(x.dtype))
        y = np.zeros((n, *weight.shape[1:3], math.prod(windows)), x.dtype)
        # Image by image: the strips of one stay in the processor's cache.
        for image, strip, sums in zip(padded, strips, y, strict=True):
            for j, seen in enumerate(self._seen(1, windows)):
                strip[:, j] = image[:, :, seen]
            for i, seen in enumerate(self._seen(0, windows)):
                sums += weight[i] @ strip[:, :, seen].reshape(len(sums), -1, sums.shape[-1])
        self._saved = strips, weight, windows, padded.shape
        y = y.reshape(n, self.out_channels, *windows)
        if self.bias is not None:
            y += self.bias.astype(x.dtype)[:, None, None]
        return y if x.ndim == 4 else y[0]

    def _backward(self, grad_output: Array) -> Array:
        strips, weight, windows, padded_shape = self._saved
        n, c = padded_shape[:2]
        dy = grad_output.reshape(n, *weight.shape[1:3], math.prod(windows))
        grad_weight = np.zeros_like(weight)
        grad_padded = np.zeros(padded_shape, dy.dtype)
        for strip, grad_sums, grad_image in zip(strips, dy, grad_padded, strict=True):
            # What overlapping windows see gets a share from each, so the shares add up.
            grad_strip = np.zeros_like(strip)
            for i, seen in enumerate(self._seen(0, windows)):
                cells = strip[:, :, seen].reshape(self.groups, -1, dy.shape[-1])
                grad_weight[i] += grad_sums @ cells.swapaxes(-1, -2)
                grad_cells = weight[i].swapaxes(-1, -2) @ grad_sums
                grad_strip[:, :, seen] += grad_cells.reshape(c, -1, *windows)
            for j, seen in enumerate(self._seen(1, windows)):
                grad_image[:, :, seen] += grad_strip[:, j]
        self._accumulate(
            weight=self._as_kernels(grad_weight),
            bias=dy.sum((0, 3)).reshape(self.out_channels),
        )
        dx = crop(grad_padded, *self._margins)
        return dx if grad_output.ndim == 4 else dx[0]

    def _by_kernel_row(self, weight: Array) -> Array:
        """Return the kernels as (row, group, outputs, cells)."""
        f, c, kh, kw = weight.shape
        weight = weight.transpose(2, 0, 1, 3)
        return weight.reshape(kh, self.groups, f // self.groups, c * kw)

    def _as_kernels(self, rows: Array) -> Array:
        """Undo `_by_kernel_row`."""
        f, c, kh, kw = self.weight.shape
        return rows.reshape(kh, f, c, kw).transpose(1, 2, 0, 3)

    def _seen(self, axis: int, windows: Pair) -> list[slice]:
        """Return for each kernel cell along an axis which places the windows see with it."""
        return cells(self.kernel_size[axis], self.stride[axis], self.dilation[axis], windows[axis])

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
