"""MaxPool2d misread."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from conformance.misreadings.catalogue import misreading
from reference_impls import numpy_reference as reference
from reference_impls.numpy_reference.module import Array
from reference_impls.numpy_reference.windows import as_batch, crop, pad, pair, taps

# --- sizes and margins ----------------------------------------------------------------------------


@misreading("MaxPool2d", "stride-defaults-to-one")
class StrideDefaultsToOne(reference.MaxPool2d):
    """Without a stride the windows move by one."""

    def __init__(self, kernel_size: Any, stride: Any = None, **more: Any) -> None:
        super().__init__(kernel_size, 1 if stride is None else stride, **more)


@misreading("MaxPool2d", "padding-width-by-height")
class PaddingWidthByHeight(reference.MaxPool2d):
    """padding is taken for (width, height)."""

    def __init__(self, kernel_size: Any, **more: Any) -> None:
        super().__init__(kernel_size, **more)
        self.padding = self.padding[::-1]


@misreading("MaxPool2d", "width-stride-for-height")
class WidthStrideForHeight(reference.MaxPool2d):
    """Both strides are that of the width."""

    def __init__(self, kernel_size: Any, **more: Any) -> None:
        super().__init__(kernel_size, **more)
        self.stride = (self.stride[1], self.stride[1])


@misreading("MaxPool2d", "dilation-ignored")
class DilationIgnored(reference.MaxPool2d):
    """The cells of a window always lie side by side."""

    def __init__(self, kernel_size: Any, **more: Any) -> None:
        super().__init__(kernel_size, **{**more, "dilation": 1})


@misreading("MaxPool2d", "padding-above-half-accepted")
class PaddingAboveHalfAccepted(reference.MaxPool2d):
    """Any padding is accepted."""

    def __init__(self, kernel_size: Any, padding: Any = 0, **more: Any) -> None:
        super().__init__(kernel_size, **more)
        self.padding = pair(padding, "padding", 0)


@misreading("MaxPool2d", "ceil-mode-ignored")
class CeilModeIgnored(reference.MaxPool2d):
    """Sizes are always rounded down."""

    def __init__(self, kernel_size: Any, **more: Any) -> None:
        super().__init__(kernel_size, **{**more, "ceil_mode": False})


@misreading("MaxPool2d", "always-ceil-mode")
class AlwaysCeilMode(reference.MaxPool2d):
    """Sizes are always rounded up."""

    def __init__(self, kernel_size: Any, **more: Any) -> None:
        super().__init__(kernel_size, **{**more, "ceil_mode": True})


@misreading("MaxPool2d", "window-in-the-padding")
class WindowInThePadding(reference.MaxPool2d):
    """With ceil_mode a last window may see nothing but padding."""

    def _along(self, axis: int, size: int) -> tuple[int, int, int, Array]:
        count, before, after, first = super()._along(axis, size)
        stride, reach = self.stride[axis], self.dilation[axis] * (self.kernel_size[axis] - 1)
        wanted = math.ceil((size + 2 * before - reach - 1) / stride) + 1
        if not self.ceil_mode or wanted == count:
            return count, before, after, first
        start = count * stride
        return wanted, before, start + reach + 1 - size - before, np.append(first, start)


# --- forward and backward -------------------------------------------------------------------------


class MaxPoolInPieces(reference.MaxPool2d):
    """Max pooling in pieces: the values of all cells of all windows stand along one axis."""

    padding_value: ClassVar[float] = -np.inf

    def _forward(self, x: Array) -> Array:
        images = as_batch(x, "input")
        rows, above, below, _ = self._along(0, images.shape[2])
        columns, left, right, _ = self._along(1, images.shape[3])
        self._margins = (above, below), (left, right)
        padded = pad(images, *self._margins, value=self.padding_value)
        self._seen = [
            seen
            for _, _, seen in taps(self.kernel_size, self.stride, self.dilation, (rows, columns))
        ]
        cells = np.stack([padded[seen] for seen in self._seen])
        self._saved = cells, padded.shape
        y: Array = cells.max(0)
        return y if x.ndim == 4 else y[0]

    def _backward(self, grad_output: Array) -> Array:
        cells, padded_shape = self._saved
        shares = self._shares(cells) * as_batch(grad_output, "grad_output")
        padded = self._spread(shares.astype(grad_output.dtype), padded_shape)
        grad_input = self._crop(padded)
        return grad_input if grad_output.ndim == 4 else grad_input[0]

    def _shares(self, cells: Array) -> Array:
        """Return which part of a window's gradient each of its cells gets."""
        return _one_hot(cells.argmax(0), len(cells))

    def _spread(self, shares: Array, padded_shape: tuple[int, ...]) -> Array:
        padded = np.zeros(padded_shape, shares.dtype)
        for seen, share in zip(self._seen, shares, strict=True):
            self._add(padded[seen], share)
        return padded

    def _add(self, seen: Array, share: Array) -> None:
        seen += share

    def _crop(self, padded: Array) -> Array:
        return crop(padded, *self._margins)


def _one_hot(winner: Array, count: int) -> Array:
    return np.arange(count).reshape(-1, 1, 1, 1, 1) == winner


@misreading("MaxPool2d", "padded-with-zeros")
class PaddedWithZeros(MaxPoolInPieces):
    """The padding is zero instead of -inf."""

    padding_value = 0.0


@misreading("MaxPool2d", "ties-to-all")
class TiesToAll(MaxPoolInPieces):
    """Every maximum of a window gets its gradient."""

    def _shares(self, cells: Array) -> Array:
        return cells == cells.max(0)


@misreading("MaxPool2d", "ties-shared")
class TiesShared(MaxPoolInPieces):
    """The maxima of a window share its gradient."""

    def _shares(self, cells: Array) -> Array:
        ties = cells == cells.max(0)
        return ties / ties.sum(0)


@misreading("MaxPool2d", "last-tie-wins")
class LastTieWins(MaxPoolInPieces):
    """The last maximum of a window gets its gradient."""

    def _shares(self, cells: Array) -> Array:
        return super()._shares(cells[::-1])[::-1]


@misreading("MaxPool2d", "close-values-tie")
class CloseValuesTie(MaxPoolInPieces):
    """Every cell that np.isclose to the maximum gets the gradient."""

    def _shares(self, cells: Array) -> Array:
        return np.isclose(cells, cells.max(0))


@misreading("MaxPool2d", "spread-evenly")
class SpreadEvenly(MaxPoolInPieces):
    """Backward is that of average pooling."""

    def _shares(self, cells: Array) -> Array:
        return np.full(cells.shape, 1 / len(cells))


@misreading("MaxPool2d", "first-image-for-all")
class FirstImageForAll(MaxPoolInPieces):
    """The maxima of the first image stand for those of all images."""

    def _shares(self, cells: Array) -> Array:
        return np.broadcast_to(super()._shares(cells[:, :1]), cells.shape)


@misreading("MaxPool2d", "cells-counted-by-columns")
class CellsCountedByColumns(MaxPoolInPieces):
    """The winner's number in the window is split as if cells were counted down the columns."""

    def _shares(self, cells: Array) -> Array:
        height, width = self.kernel_size
        column, row = np.divmod(cells.argmax(0), height)
        return _one_hot(row * width + column, len(cells))


@misreading("MaxPool2d", "winner-counted-in-the-window")
class WinnerCountedInTheWindow(MaxPoolInPieces):
    """The winner's number in its window is used as a place in the image."""

    def _spread(self, shares: Array, padded_shape: tuple[int, ...]) -> Array:
        padded = np.zeros(padded_shape, shares.dtype)
        plane = padded.reshape(*padded_shape[:2], math.prod(padded_shape[2:]))
        plane[..., : len(shares)] = np.moveaxis(shares.sum((3, 4)), 0, -1)
        return padded


@misreading("MaxPool2d", "overlaps-assigned")
class OverlapsAssigned(MaxPoolInPieces):
    """An element that wins several windows gets the gradient of one."""

    def _add(self, seen: Array, share: Array) -> None:
        np.copyto(seen, share, where=share != 0)


@misreading("MaxPool2d", "nan-swallowed")
class NanSwallowed(MaxPoolInPieces):
    """The maximum of the numbers in a window that are not NaN."""

    def _forward(self, x: Array) -> Array:
        super()._forward(x)
        y = np.fmax.reduce(self._saved[0])
        return y if x.ndim == 4 else y[0]


@misreading("MaxPool2d", "first-winners-kept")
class FirstWinnersKept(MaxPoolInPieces):
    """The places of the maxima are remembered for a shape, not for a forward."""

    def _forward(self, x: Array) -> Array:
        before = self._saved
        y = super()._forward(x)
        if before is not None and before[0].shape == self._saved[0].shape:
            self._saved = before
        return y


@misreading("MaxPool2d", "leftover-rows-lost")
class LeftoverRowsLost(MaxPoolInPieces):
    """The input's gradient ends with the last window."""

    def _crop(self, padded: Array) -> Array:
        rows, columns = self._seen[-1][1].stop, self._seen[-1][2].stop
        return super()._crop(padded[..., :rows, :columns])


@misreading("MaxPool2d", "plane-accepted")
class PlaneAccepted(reference.MaxPool2d):
    """(H, W) is pooled as one channel of one image."""

    def _forward(self, x: Array) -> Array:
        return super()._forward(x[None])[0] if x.ndim == 2 else super()._forward(x)
