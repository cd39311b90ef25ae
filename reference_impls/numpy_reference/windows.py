"""Geometry that convolution and pooling share: windows that slide over padded images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .module import Array

Pair = tuple[int, int]


def pair(value: int | tuple[int, ...], name: str, minimum: int) -> Pair:
    """Return (height, width) from one number for both or from two, none below `minimum`."""
    both = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(both) != 2:
        raise ValueError(f"{name}={value} should be one integer or a pair of them")
    if min(both) < minimum:
        raise ValueError(f"{name}={value} should be at least {minimum}")
    return int(both[0]), int(both[1])


def as_batch(x: Array, name: str) -> Array:
    """Return (C, H, W) as a batch of one, and (N, C, H, W) as it is."""
    if x.ndim not in (3, 4):
        raise ValueError(f"{name}: input is {x.ndim}-D, expected (N, C, H, W) or (C, H, W)")
    return x if x.ndim == 4 else x[None]


def pad(x: Array, rows: Pair, columns: Pair, value: float) -> Array:
    """Return x with `value` around its images: rows (above, below), columns (left, right)."""
    n, c, h, w = x.shape
    padded = np.full((n, c, rows[0] + h + rows[1], columns[0] + w + columns[1]), value, x.dtype)
    crop(padded, rows, columns)[...] = x
    return padded


def crop(x: Array, rows: Pair, columns: Pair) -> Array:
    """Return a view without the margins that `pad` adds."""
    return x[..., rows[0] : x.shape[-2] - rows[1], columns[0] : x.shape[-1] - columns[1]]


def cells(kernel: int, stride: int, dilation: int, windows: int) -> list[slice]:
    """Return for each kernel cell along one axis which places all windows see with that cell."""
    extent = stride * (windows - 1) + 1
    starts = (i * dilation for i in range(kernel))
    return [slice(start, start + extent, stride) for start in starts]


def taps(
    kernel: Pair, stride: Pair, dilation: Pair, windows: Pair
) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Yield for each kernel cell (i, j) where in the padded images all windows have that cell."""
    rows, columns = map(cells, kernel, stride, dilation, windows)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            yield i, j, (..., row, column)
