"""Derivatives from function values, with a tolerance derived from the same values.

A function phi(t) = <v, f(x + t u)> is evaluated at t = ±h and ±h/2. With the central differences
D(h) and D(h/2), whose errors are c h² and c h²/4, Richardson's combination (4 D(h/2) - D(h)) / 3
removes c. The difference |D(h) - D(h/2)| bounds what truncation is left; rounding adds u F / h,
where F sums the magnitudes that were rounded.

Where a claimed derivative agrees with a one-sided or a central difference up to rounding alone, it
is right, and the other function values need not be known.

The step is a power of two and drawn values lie on a coarser dyadic grid, so x ± h is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.numerics.tolerance import UNIT_ROUNDOFF

Floats = NDArray[Any]

STEP = 2.0**-12
OFFSETS = (STEP, -STEP, STEP / 2, -STEP / 2)
SAFETY = 8.0

# phi(t) - phi(0) by t; an array where several functions are looked at together.
Changes = Mapping[float, Any]


@dataclass(frozen=True)
class Derivative:
    """An estimated derivative and how far from the true one it may be."""

    value: Any
    tolerance: Any


def derivative(values: Floats, magnitude: float) -> Derivative:
    """The derivative from phi at `OFFSETS` (or from its changes: a constant cancels).

    `values` has shape (4, ...), float64; value and tolerance have the remaining axes.

    `magnitude` is F: the sum of |v_i f_i| and of |x_j g_j|, because inputs that cancel inside f
    (a mean of 1000 under a variance of 1) are rounded at their own size, not at the size of f.
    """
    with np.errstate(invalid="ignore"):  # inf - inf: there is no derivative, and NaN says so
        wide = (values[0] - values[1]) / (2 * STEP)
        narrow = (values[2] - values[3]) / STEP
        truncation = abs(wide - narrow)
        rounding = UNIT_ROUNDOFF["float64"] * magnitude / (STEP / 2)
        return Derivative((4 * narrow - wide) / 3, SAFETY * (truncation + rounding))


def forward_difference(changes: Changes, magnitude: float) -> Derivative:
    """From phi at 0 and h. The tolerance is for rounding alone: enough where f is affine."""
    rounding = UNIT_ROUNDOFF["float64"] * magnitude / (STEP / 2)
    return Derivative(changes[STEP] / STEP, np.full_like(changes[STEP], SAFETY * rounding))


def central_difference(changes: Changes, magnitude: float) -> Derivative:
    """From phi at ±h/4. The tolerance is for rounding alone: enough where f is nearly affine."""
    step = STEP / 4
    rounding = UNIT_ROUNDOFF["float64"] * magnitude / step
    with np.errstate(invalid="ignore"):
        value = (changes[step] - changes[-step]) / (2 * step)
    return Derivative(value, np.full_like(value, SAFETY * rounding))


def extrapolated(changes: Changes, magnitude: float) -> Derivative:
    """From phi at ±h and ±h/2, by Richardson's combination."""
    return derivative(np.stack([changes[offset] for offset in OFFSETS]), magnitude)


@dataclass(frozen=True)
class Nearby(Derivative):
    """A derivative with the slopes on both sides, `low` and `high`, extrapolated to the point.

    They differ by more than the tolerance at a kink only: where phi is smooth, by O(h³).
    """

    low: Any
    high: Any


def nearby(changes: Changes, magnitude: float) -> Nearby:
    """From phi at ±h and ±h/2: Richardson's combination on both sides, and on each of them."""
    found = extrapolated(changes, magnitude)
    with np.errstate(invalid="ignore"):
        right = (4 * changes[STEP / 2] - changes[STEP]) / STEP
        left = (changes[-STEP] - 4 * changes[-STEP / 2]) / STEP
    low, high = np.minimum(left, right), np.maximum(left, right)
    return Nearby(found.value, found.tolerance, low, high)


@dataclass(frozen=True)
class Sides:
    """The slopes on both sides of a point, from steps of three sizes."""

    low: Floats
    high: Floats
    kinked: NDArray[np.bool_]


def sides(changes: Changes, magnitude: float, largest: float) -> Sides:
    """One-sided slopes at h, h/2, h/4, and whether they can belong to a smooth function.

    `changes` holds float64 arrays of one shape at ±h, ±h/2, ±h/4 (KeyError if one is missing); the
    results have that shape.

    Where phi is smooth, the gap between the slopes on both sides is phi'' times the step, so it
    halves with the step. At a kink it stays, and beside one it appears between two of the steps. A
    gap below a ten-millionth of the `largest` derivative is no kink.
    """
    steps = (STEP, STEP / 2, STEP / 4)
    with np.errstate(invalid="ignore"):
        right = np.stack([changes[step] / step for step in steps])
        left = np.stack([-changes[-step] / step for step in steps])
        gaps = right - left
        wide, middle, narrow = gaps
        widest = np.abs(gaps).max(axis=0)
        rough = np.abs(wide - 2 * middle) + np.abs(2 * middle - 4 * narrow)
    noise = SAFETY * UNIT_ROUNDOFF["float64"] * magnitude / (STEP / 16)
    kinked = (rough > widest / 4 + noise) & (widest > noise + 1e-7 * largest)
    both = np.concatenate([right, left])
    return Sides(both.min(axis=0), both.max(axis=0), kinked)
