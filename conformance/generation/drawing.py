"""Values drawn from a text key: the same bits on every platform and every version of NumPy.

NumPy's distributions may change between versions, which would make recordings stale. Here a key is
expanded by SHAKE-256 into 16-bit integers and only integer arithmetic follows. All values are
multiples of 2^-15 below 2^14, so float32 holds them exactly, and small steps from them are exact in
float64. (Confident probabilities are powers of two instead, some of them tiny; extreme values take
no steps at all.)
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.spec.model import Values

Floats = NDArray[Any]

# Values that may lie on a kink of a piecewise smooth layer.
KINKED: frozenset[Values] = frozenset({"normal", "zeros", "steps"})

# Values so close to the edge of a domain that finite differences would step over it.
EDGED: frozenset[Values] = frozenset({"confident"})


def integers(key: str, count: int) -> NDArray[np.uint16]:
    """`count` uniform 16-bit integers."""
    digest = hashlib.shake_256(key.encode()).digest(2 * count)
    return np.frombuffer(digest, dtype="<u2").astype(np.uint16)


def draw(values: Values, shape: tuple[int, ...], key: str, axis: int | None = None) -> Floats:
    """An array of the given kind and shape; distributions lie along `axis` (None: the last)."""
    size = math.prod(shape)
    if values in _ROWS:
        axis = len(shape) - 1 if axis is None else axis
        others = (*shape[:axis], *shape[axis + 1 :])
        rows = _ROWS[values](key, math.prod(others), shape[axis])
        return _along(rows.reshape(*others, shape[axis]), axis)
    return _KINDS[values](key, size).reshape(shape)


def class_indices(shape: tuple[int, ...], classes: int, key: str) -> NDArray[np.int64]:
    """Class indices 0 … classes-1, nearly uniform."""
    size = math.prod(shape)
    return (integers(key, size).astype(np.int64) % classes).reshape(shape)


def one_hot(indices: NDArray[Any], classes: int, axis: int) -> Floats:
    """Class indices as rows along `axis`: a 1 at the class, zeros elsewhere."""
    return _along((indices[..., np.newaxis] == np.arange(classes)).astype(np.float64), axis)


def _along(rows: Floats, axis: int) -> Floats:
    """Move the last axis to `axis`."""
    return np.ascontiguousarray(np.moveaxis(rows, -1, axis))


def permutation(key: str, size: int) -> NDArray[np.intp]:
    """A shuffled range."""
    # Four 16-bit draws make one sort key wide enough to have no ties worth mentioning.
    words = integers(key, 4 * size).reshape(size, 4).astype(np.uint64)
    keys = (words << np.array([48, 32, 16, 0], dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
    return np.argsort(keys, kind="stable")


def choose(key: str, size: int, count: int) -> NDArray[np.intp]:
    """`count` different indices below `size` in rising order; all of them if there are fewer."""
    return np.sort(permutation(key, size)[:count])


def _normal(key: str, size: int) -> Floats:
    """Centred, bell-shaped (a sum of four uniforms), standard deviation 1.15, below 4."""
    sums = integers(key, 4 * size).reshape(size, 4).astype(np.int64).sum(axis=1)
    values: Floats = (sums - 2 * 65535) / 2.0**15
    return values


def _nonzero(key: str, size: int) -> Floats:
    """Normal values pushed at least 1/16 away from zero."""
    values = _normal(key, size)
    return values + np.where(values < 0, -1.0, 1.0) / 16


def _distinct(key: str, size: int) -> Floats:
    """A shuffled arithmetic grid around zero: no two values closer than 1/8."""
    return (permutation(key, size) - size // 2) / 8.0 + 1 / 16


def _huge(key: str, size: int) -> Floats:
    """Of both signs, near 800 and near 10000: exp overflows in float64, and no two are equal."""
    drawn = integers(key, size).astype(np.int64)
    signs, sizes = 1 - 2 * (drawn % 2), np.where(drawn // 2 % 2, 800, 10000)
    return signs * (sizes + permutation(key, size) / 8.0)


def _infinite(key: str, size: int) -> Floats:
    """Every second value is infinite, the first two of them of different signs."""
    values = _nonzero(key, size)
    values[::4], values[2::4] = np.inf, -np.inf
    return values


def _with_nan(key: str, size: int) -> Floats:
    """One value is NaN."""
    values = _nonzero(key, size)
    values[choose(f"{key}/nan", size, 1)] = np.nan
    return values


def _subnormal(key: str, size: int) -> Floats:
    """Of both signs, between 2^-135 and 2^-130: too small for float32's usual form."""
    drawn = integers(key, size).astype(np.int64)
    values: Floats = (1 - 2 * (drawn % 2)) * (1 + drawn // 2 % 31) * 2.0**-135
    return values


def _masked(key: str, rows: int, classes: int) -> Floats:
    """Scores of which about half are -inf, but never a whole row; the first row has one left."""
    scores = _normal(key, rows * classes).reshape(rows, classes)
    drawn = integers(f"{key}/mask", rows * classes).reshape(rows, classes)
    hidden = drawn % 2 == 1
    hidden[:1] = True
    if classes:
        np.put_along_axis(hidden, drawn.argmax(axis=1, keepdims=True), False, axis=1)
    return np.where(hidden, -np.inf, scores)


def _probabilities(key: str, rows: int, classes: int) -> Floats:
    """Rows that sum to exactly one, each probability a multiple of 2^-15 above 1 / (5 classes)."""
    drawn = integers(key, rows * classes).reshape(rows, classes).astype(np.int64) + 1
    least = 2**15 // (4 * classes) if classes else 0
    shares = least + drawn * (2**15 - least * classes) // drawn.sum(axis=1, keepdims=True)
    shares[:, :1] += 2**15 - shares.sum(axis=1, keepdims=True)  # what rounding down left over
    values: Floats = shares / 2.0**15
    return values


def _confident(key: str, rows: int, classes: int) -> Floats:
    """Rows in which one class has nearly everything, and the others 2^-8 … 2^-62.

    The large one is a multiple of 2^-24, as float32 needs it: below that the sum may exceed one.
    """
    drawn = integers(key, rows * (classes + 1)).reshape(rows, classes + 1).astype(np.int64)
    sure = one_hot(drawn[:, 0] % max(classes, 1), classes, axis=1) == 1
    exponents = 8 + drawn[:, 1:] % 55
    others = np.where(sure, 0, 2**24 >> exponents).sum(axis=1, keepdims=True)
    return np.where(sure, (2**24 - others) / 2.0**24, 1 / (np.int64(1) << exponents))


_ROWS: dict[Values, Callable[[str, int, int], Floats]] = {
    "probabilities": _probabilities,
    "confident": _confident,
    "masked": _masked,
}

_KINDS: dict[Values, Callable[[str, int], Floats]] = {
    "normal": _normal,
    "nonzero": _nonzero,
    "distinct": _distinct,
    "close": lambda key, size: 1024 + permutation(key, size) / 128.0,
    "negative": lambda key, size: -(permutation(key, size) + 1) / 8.0,
    "positive": lambda key, size: np.abs(_normal(key, size)) + 0.5,
    "large": lambda key, size: _nonzero(key, size) * 256,
    "offset": lambda key, size: np.round(_normal(key, size) * 2.0**10) / 2.0**10 + 1024,
    "zeros": lambda key, size: np.zeros(size),
    "steps": lambda key, size: integers(key, size) % 3 - 1.0,
    "huge": _huge,
    "infinite": _infinite,
    "with-nan": _with_nan,
    "subnormal": _subnormal,
}


def float32_exact(array: NDArray[Any]) -> bool:
    """Whether float32 holds every value of the array exactly."""
    return bool(np.array_equal(array.astype(np.float32).astype(np.float64), array))
