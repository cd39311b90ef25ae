"""What all layers share: arrays at the border, nested lists of Python floats inside the loops.

A Python float is a float64, so every sum that the loops write is accumulated in float64, whatever
the dtype of the input. Results are rounded once, in `to_array`. (Lists are also several times
faster to index than arrays, and `.tolist()` copies, so that no cache shares memory with a caller.)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[Any]
Nested = Any  # a list of lists of ... of Python floats
Row = list[float]


# ------------------------------------------------------------------------- arrays in, arrays out


def float_dtype(dtype: DTypeLike, name: str = "dtype") -> np.dtype[Any]:
    """Return `dtype` as a NumPy dtype; only float16, float32 and float64 are accepted."""
    result = np.dtype(dtype)
    if result.type not in (np.float16, np.float32, np.float64):
        raise TypeError(f"{name} must be float16, float32 or float64, got dtype {result}")
    return result


def float_array(value: ArrayLike, name: str) -> Array:
    """Return `value` as a floating-point array (not a copy)."""
    array = np.asarray(value)
    float_dtype(array.dtype, name)
    return array


def gradient_array(grad_output: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return `grad_output` as an array, which must have the shape of the last output."""
    gradient = float_array(grad_output, "grad_output")
    if gradient.shape != shape:
        raise ValueError(
            f"grad_output must have the shape of the last output, {shape}, got {gradient.shape}"
        )
    return gradient


def to_array(values: Nested | Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Round `values` to `dtype` and return them as a new array of the given shape."""
    with np.errstate(all="ignore"):  # too large for the dtype: inf, as in PyTorch
        return np.array(values, dtype=dtype, order="C").reshape(shape)


def store(array: Array, values: Nested) -> None:
    """Overwrite `array` with `values`, in place."""
    array[...] = to_array(values, array.shape, array.dtype)


def accumulate(gradient: Array, values: Nested) -> None:
    """Add `values` to the parameter gradient `gradient`, in place."""
    with np.errstate(all="ignore"):
        gradient += np.array(values, dtype=np.float64).reshape(gradient.shape)


def zeros(*shape: int) -> Nested:
    """Return nested lists of zeros: `zeros(2, 3)` is `[[0., 0., 0.], [0., 0., 0.]]`."""
    return np.zeros(shape).tolist()


def to_rows(x: Array, axis: int) -> list[Row]:
    """Return every 1-D slice of `x` along `axis`, as a list of rows."""
    moved = np.moveaxis(x, axis, -1)
    return moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1]).tolist()


def from_rows(rows: list[Row], shape: tuple[int, ...], axis: int, dtype: DTypeLike) -> Array:
    """Undo `to_rows`: put the rows back along `axis` of an array of the given shape."""
    moved_shape = np.moveaxis(np.empty(shape, dtype=bool), axis, -1).shape
    moved = to_array(rows, moved_shape, dtype)
    return np.ascontiguousarray(np.moveaxis(moved, -1, axis))


# ---------------------------------------------------------------------------------- loop indices


def indices(*sizes: int) -> Iterator[tuple[int, ...]]:
    """Nested loops in one line: `indices(2, 3)` yields (0, 0), (0, 1), (0, 2), (1, 0), ..."""
    return product(*(range(size) for size in sizes))


# ------------------------------------------------------- scalar functions where Python would raise


def divide(a: float, b: float) -> float:
    """Return a / b; division by zero gives inf or NaN, as IEEE 754 says."""
    if b != 0.0:
        return a / b
    if a == 0.0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def log(x: float) -> float:
    """Return the natural logarithm; that of 0 is -inf, and that of a negative number NaN."""
    if x > 0.0 or math.isnan(x):
        return math.log(x)
    return -math.inf if x == 0.0 else math.nan


def sqrt(x: float) -> float:
    """Return the square root; that of a negative number is NaN."""
    return math.nan if x < 0.0 else math.sqrt(x)


# --------------------------------------------------------------------------- constructor arguments


def integer(value: Any, name: str, minimum: int) -> int:
    """Return `value` as an int, which must be at least `minimum`."""
    try:
        result = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if result < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {result}")
    return result


def pair(value: int | Sequence[int], name: str, minimum: int) -> tuple[int, int]:
    """Return (height, width): of an integer, the integer twice."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ValueError(f"{name} must be an integer or a pair of integers, got {value!r}")
        height, width = value
    else:
        height = width = value
    return integer(height, name, minimum), integer(width, name, minimum)
