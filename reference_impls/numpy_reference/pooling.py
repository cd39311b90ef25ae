"""Max pooling."""

from __future__ import annotations

import numpy as np

from .module import Array, Module
from .windows import Pair, as_batch, crop, pad, pair, taps


class MaxPool2d(Module):
    """Returns the largest value of each window; its gradient goes to where that was.

    y[n, c, p, q] = max_{i,j} x[n, c, p·s - pad + i·d, q·s - pad + j·d]

    Padding counts as -inf. The first of several equal maxima wins, NaN is larger than all numbers.
    stride (default: kernel_size), padding and dilation are one number or a (height, width) pair;
    ceil_mode adds a last window that only starts inside the image or its leading padding.

    input (N, C, H, W) or (C, H, W), output likewise with (H', W').
    Source: https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = pair(kernel_size, "MaxPool2d: kernel_size", minimum=1)
        self.stride = self.kernel_size if stride is None else pair(stride, "MaxPool2d: stride", 1)
        self.padding = pair(padding, "MaxPool2d: padding", minimum=0)
        self.dilation = pair(dilation, "MaxPool2d: dilation", minimum=1)
        self.ceil_mode = ceil_mode
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"MaxPool2d: padding={self.padding} should be at most half of "
                f"kernel_size={self.kernel_size}"
            )

    def _forward(self, x: Array) -> Array:
        images = as_batch(x, "MaxPool2d")
        rows, above, below, first_row = self._along(0, images.shape[2])
        columns, left, right, first_column = self._along(1, images.shape[3])
        margins = (above, below), (left, right)
        padded = pad(images, *margins, value=-np.inf)
        n, c, *plane = padded.shape

        largest = np.full((n, c, rows, columns), -np.inf, x.dtype)
        winner = np.empty(largest.shape, np.intp)  # where the largest is in its padded plane
        winner[...] = first_row[:, None] * plane[1] + first_column
        positions = np.arange(plane[0] * plane[1]).reshape(plane)
        for _, _, seen in taps(self.kernel_size, self.stride, self.dilation, (rows, columns)):
            value = padded[seen]
            wins = (value > largest) | np.isnan(value)
            np.maximum(largest, value, out=largest)
            np.maximum(winner, wins * positions[seen], out=winner)  # positions only grow
        self._saved = winner, margins, padded.shape
        return largest if x.ndim == 4 else largest[0]

    def _backward(self, grad_output: Array) -> Array:
        winner, margins, padded_shape = self._saved
        n, c, *plane = padded_shape
        start_of_plane = np.arange(n * c).reshape(n, c, 1, 1) * (plane[0] * plane[1])
        grad_padded = np.zeros(padded_shape, grad_output.dtype)
        # Windows may overlap, so a place can win more than once.
        np.add.at(grad_padded.reshape(-1), (start_of_plane + winner).ravel(), grad_output.ravel())
        dx = crop(grad_padded, *margins)
        return dx if grad_output.ndim == 4 else dx[0]

    def _along(self, axis: int, size: int) -> tuple[int, int, int, Array]:
        """Return how the windows lie along one axis.

        That is: their number, the margin before and after the image, and for each window its
        first place (counted with the margin) that lies inside the image.
        """
        kernel, stride = self.kernel_size[axis], self.stride[axis]
        before, dilation = self.padding[axis], self.dilation[axis]
        extent = dilation * (kernel - 1) + 1
        room = size + 2 * before - extent
        count = (-(-room // stride) if self.ceil_mode else room // stride) + 1
        if self.ceil_mode and (count - 1) * stride >= size + before:
            count -= 1  # the last window would see nothing but padding
        if size < 1 or count < 1:
            raise ValueError(
                f"MaxPool2d: a window that spans {extent} pixels does not fit into "
                f"an input of size {size} with padding {before}"
            )
        after = max((count - 1) * stride + extent - size - before, 0)
        starts = stride * np.arange(count)
        skipped = -(-np.maximum(before - starts, 0) // dilation)  # cells in the margin
        return count, before, after, starts + skipped * dilation
