"""Two-dimensional max pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, float_array, gradient_array, indices, pair, to_array, zeros
from .module import Module


class MaxPool2d(Module):
    """Takes the largest element of each window.

        y[n, c, i, j] = max_{a, b} x[n, c, i sh - ph + a dh, j sw - pw + b dw]

    where a, b run over the kernel; positions outside the input (the padding) count as -inf.
    Backward gives dy[n, c, i, j] to the position of the maximum, the first one in row-major
    order if there are several. NaN is larger than everything (among several, the last wins).

    Shapes: x (N, C, H, W) or (C, H, W), y (N, C, OH, OW) or (C, OH, OW) with
    OH = (H + 2 ph - dh (KH - 1) - 1) / sh + 1, and OW likewise. The division rounds down, or up
    with ceil_mode=True; then a last window that would start beyond input and top (left) padding
    is left out. The stride is kernel_size unless given.

    Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 9.3.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size, "kernel_size", minimum=1)
        self.stride = self.kernel_size if stride is None else pair(stride, "stride", minimum=1)
        self.padding = pair(padding, "padding", minimum=0)
        self.dilation = pair(dilation, "dilation", minimum=1)
        self.ceil_mode = ceil_mode
        if any(p > k // 2 for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"padding={self.padding} must be at most half of kernel_size={self.kernel_size}"
            )

    def _output_size(self, size: int, axis: int) -> int:
        stride, padding = self.stride[axis], self.padding[axis]
        span = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
        room = size + 2 * padding - span
        if self.ceil_mode:
            windows = -(-room // stride) + 1
            if (windows - 1) * stride >= size + padding:
                windows -= 1
        else:
            windows = room // stride + 1
        if windows < 1:
            raise ValueError(
                f"the input is {size} {('high', 'wide')[axis]}, too small for "
                f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}"
            )
        return windows

    def forward(self, input: ArrayLike) -> Array:
        x = float_array(input, "input")
        images = x[np.newaxis] if x.ndim == 3 else x
        if images.ndim != 4 or 0 in images.shape[1:]:
            raise ValueError(
                f"input must have shape (N, C, H, W) or (C, H, W) with C, H, W >= 1, got {x.shape}"
            )
        N, C, H, W = images.shape
        OH, OW = self._output_size(H, axis=0), self._output_size(W, axis=1)

        values = images.tolist()
        y = zeros(N, C, OH, OW)
        winners = []  # for each window in turn: (row, column) of its maximum
        for n, c, i, j in indices(N, C, OH, OW):
            largest, winner = -math.inf, None
            for row, column in self._window(i, j, H, W):
                value = values[n][c][row][column]
                if winner is None or value > largest or math.isnan(value):
                    largest, winner = value, (row, column)
            y[n][c][i][j] = largest
            winners.append(winner)

        y_shape = (*x.shape[:-2], OH, OW)
        self._cache = winners, images.shape, x.shape, y_shape, x.dtype
        return to_array(y, y_shape, x.dtype)

    def _window(self, i: int, j: int, H: int, W: int) -> list[tuple[int, int]]:
        """Return the positions of window (i, j) that lie inside the input, row by row."""
        top = i * self.stride[0] - self.padding[0]
        left = j * self.stride[1] - self.padding[1]
        positions = []
        for a, b in indices(*self.kernel_size):
            row, column = top + a * self.dilation[0], left + b * self.dilation[1]
            if 0 <= row < H and 0 <= column < W:
                positions.append((row, column))
        return positions

    def backward(self, grad_output: ArrayLike) -> Array:
        winners, images_shape, shape, y_shape, dtype = self._recall()
        N, C = images_shape[:2]
        OH, OW = y_shape[-2:]
        dy = gradient_array(grad_output, y_shape).reshape(N, C, OH, OW).tolist()

        dx = zeros(*images_shape)
        for (n, c, i, j), winner in zip(indices(N, C, OH, OW), winners, strict=True):
            if winner is not None:  # None: with dilation, a window can miss the input altogether
                row, column = winner
                dx[n][c][row][column] += dy[n][c][i][j]
        return to_array(dx, shape, dtype)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )
